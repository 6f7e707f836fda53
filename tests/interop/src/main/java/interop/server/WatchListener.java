package interop.server;

import interop.server.Messages.Change;
import interop.server.Messages.WatchingSession;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import org.springframework.context.event.EventListener;
import org.springframework.messaging.simp.stomp.StompHeaderAccessor;
import org.springframework.stereotype.Component;
import org.springframework.web.socket.messaging.AbstractSubProtocolEvent;
import org.springframework.web.socket.messaging.SessionDisconnectEvent;
import org.springframework.web.socket.messaging.SessionSubscribeEvent;
import org.springframework.web.socket.messaging.SessionUnsubscribeEvent;

/** JOIN when somebody subscribes to /sub/contents/{id}/watch, LEAVE when that ends. */
@Component
class WatchListener {

	private static final Pattern WATCH = Pattern.compile("/sub/contents/([^/]+)/watch");

	private record Subscription(String session, String id) {}

	private final Map<Subscription, WatchingSession> watching = new ConcurrentHashMap<>();
	private final Publisher publisher;

	WatchListener(Publisher publisher) {
		this.publisher = publisher;
	}

	@EventListener
	void subscribed(SessionSubscribeEvent event) {
		var accessor = StompHeaderAccessor.wrap(event.getMessage());
		var destination = WATCH.matcher(String.valueOf(accessor.getDestination()));

		if (!destination.matches() || !(event.getUser() instanceof User user)) return;
		var session = new WatchingSession(
			UUID.randomUUID(),
			Instant.now(),
			user.asSender(),
			new Messages.Content(destination.group(1))
		);

		if (watching.putIfAbsent(subscriptionOf(event), session) == null) tell(
			Change.JOIN,
			session
		);
	}

	@EventListener
	void unsubscribed(SessionUnsubscribeEvent event) {
		end(subscriptionOf(event));
	}

	/** May come twice for one session. */
	@EventListener
	void disconnected(SessionDisconnectEvent event) {
		for (var subscription : List.copyOf(watching.keySet())) {
			if (subscription.session().equals(event.getSessionId())) end(subscription);
		}
	}

	private void end(Subscription subscription) {
		var session = watching.remove(subscription);

		if (session != null) tell(Change.LEAVE, session);
	}

	private void tell(Change type, WatchingSession session) {
		long count = watching
			.values()
			.stream()
			.filter(other -> other.content().equals(session.content()))
			.count();

		publisher.publish(
			"/sub/contents/" + session.content().id() + "/watch",
			new Messages.WatchChange(type, session, count)
		);
	}

	private static Subscription subscriptionOf(AbstractSubProtocolEvent event) {
		var accessor = StompHeaderAccessor.wrap(event.getMessage());

		return new Subscription(accessor.getSessionId(), accessor.getSubscriptionId());
	}
}
