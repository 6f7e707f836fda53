package interop.server;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Profile;
import org.springframework.messaging.simp.SimpMessageSendingOperations;
import org.springframework.messaging.simp.config.MessageBrokerRegistry;

/**
 * The broker is stompbox. Each page has a connection of its own there, under its own token, and
 * this server has one for what it sends itself.
 */
@Configuration
@Profile("relay")
class RelayConfig implements WebSocketConfig.Broker {

	private final String host;
	private final int port;
	private final String token;

	RelayConfig(
		@Value("${interop.relay.host}") String host,
		@Value("${interop.relay.port}") int port,
		@Value("${interop.relay.token}") String token
	) {
		this.host = host;
		this.port = port;
		this.token = token;
	}

	@Override
	public void configure(MessageBrokerRegistry registry) {
		registry.enableStompBrokerRelay("/sub", "/queue")
			.setRelayHost(host)
			.setRelayPort(port)
			.setSystemLogin("spring")
			.setSystemPasscode(token);
	}

	@Bean
	Publisher publisher(SimpMessageSendingOperations messaging) {
		return messaging::convertAndSend;
	}
}
