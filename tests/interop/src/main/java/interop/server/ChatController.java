package interop.server;

import org.springframework.messaging.handler.annotation.DestinationVariable;
import org.springframework.messaging.handler.annotation.MessageMapping;
import org.springframework.messaging.simp.annotation.SendToUser;
import org.springframework.stereotype.Controller;

@Controller
class ChatController {

	private final Publisher publisher;

	ChatController(Publisher publisher) {
		this.publisher = publisher;
	}

	@MessageMapping("/contents/{contentId}/chat")
	void chat(@DestinationVariable String contentId, Messages.ChatRequest request, User user) {
		publisher.publish(
			"/sub/contents/" + contentId + "/chat",
			new Messages.Chat(user.asSender(), request.content())
		);
	}

	/** A text stays a text. */
	@MessageMapping("/contents/{contentId}/notice")
	void notice(@DestinationVariable String contentId, String text) {
		publisher.publish("/sub/contents/" + contentId + "/notice", text);
	}

	/** Pages that say themselves who comes and goes; stompbox passes such messages on as well. */
	@MessageMapping("/contents/{contentId}/watch")
	void watch(@DestinationVariable String contentId, Messages.WatchChange change) {
		publisher.publish("/sub/contents/" + contentId + "/watch", change);
	}

	/** By way of all servers, unlike convertAndSendToUser(). */
	@MessageMapping("/whispers/{name}")
	void whisper(@DestinationVariable String name, Messages.ChatRequest request, User user) {
		publisher.publish(
			"/user/" + name + "/queue/whispers",
			new Messages.Chat(user.asSender(), request.content())
		);
	}

	@MessageMapping("/whoami")
	@SendToUser("/queue/me")
	Messages.Sender whoAmI(User user) {
		return user.asSender();
	}
}
