package interop.server;

import com.fasterxml.jackson.databind.ObjectMapper;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Profile;
import org.springframework.data.redis.connection.RedisConnectionFactory;
import org.springframework.data.redis.core.RedisTemplate;
import org.springframework.data.redis.listener.ChannelTopic;
import org.springframework.data.redis.listener.RedisMessageListenerContainer;
import org.springframework.data.redis.serializer.Jackson2JsonRedisSerializer;
import org.springframework.data.redis.serializer.RedisSerializer;

@Configuration
@Profile("!relay")
class RedisConfig {

	@Bean
	ChannelTopic topic() {
		return new ChannelTopic("websocket-events");
	}

	@Bean
	RedisTemplate<String, MessagePayload> payloadTemplate(
		RedisConnectionFactory connections,
		ObjectMapper json
	) {
		var template = new RedisTemplate<String, MessagePayload>();

		template.setConnectionFactory(connections);
		template.setKeySerializer(RedisSerializer.string());
		template.setValueSerializer(
			new Jackson2JsonRedisSerializer<>(json, MessagePayload.class)
		);
		return template;
	}

	@Bean
	RedisMessageListenerContainer listeners(
		RedisConnectionFactory connections,
		RedisSubscriber subscriber,
		ChannelTopic topic
	) {
		var container = new RedisMessageListenerContainer();

		container.setConnectionFactory(connections);
		container.addMessageListener(subscriber, topic);
		return container;
	}
}
