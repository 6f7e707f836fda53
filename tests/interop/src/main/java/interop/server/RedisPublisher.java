package interop.server;

import org.springframework.context.annotation.Profile;
import org.springframework.data.redis.core.RedisTemplate;
import org.springframework.data.redis.listener.ChannelTopic;
import org.springframework.stereotype.Component;

/** This server's own subscribers are reached by way of Redis as well. */
@Component
@Profile("!relay")
class RedisPublisher implements Publisher {

	private final RedisTemplate<String, MessagePayload> template;
	private final ChannelTopic topic;

	RedisPublisher(RedisTemplate<String, MessagePayload> template, ChannelTopic topic) {
		this.template = template;
		this.topic = topic;
	}

	@Override
	public void publish(String destination, Object content) {
		template.convertAndSend(topic.getTopic(), new MessagePayload(destination, content));
	}
}
