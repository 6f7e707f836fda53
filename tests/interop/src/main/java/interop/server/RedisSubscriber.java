package interop.server;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.annotation.Profile;
import org.springframework.data.redis.connection.Message;
import org.springframework.data.redis.connection.MessageListener;
import org.springframework.messaging.simp.SimpMessageSendingOperations;
import org.springframework.stereotype.Component;

/** What any server has published goes to the subscribers of this one. */
@Component
@Profile("!relay")
class RedisSubscriber implements MessageListener {

	private static final Logger log = LoggerFactory.getLogger(RedisSubscriber.class);

	private final ObjectMapper json;
	private final SimpMessageSendingOperations messaging;

	RedisSubscriber(ObjectMapper json, SimpMessageSendingOperations messaging) {
		this.json = json;
		this.messaging = messaging;
	}

	@Override
	public void onMessage(Message message, byte[] pattern) {
		try {
			var payload = json.readValue(message.getBody(), MessagePayload.class);

			messaging.convertAndSend(payload.destination(), payload.content());
		} catch (IOException unreadable) {
			log.warn("a record that cannot be read", unreadable);
		}
	}
}
