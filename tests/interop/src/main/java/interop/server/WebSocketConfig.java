package interop.server;

import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Profile;
import org.springframework.messaging.simp.config.ChannelRegistration;
import org.springframework.messaging.simp.config.MessageBrokerRegistry;
import org.springframework.web.socket.config.annotation.EnableWebSocketMessageBroker;
import org.springframework.web.socket.config.annotation.StompEndpointRegistry;
import org.springframework.web.socket.config.annotation.WebSocketMessageBrokerConfigurer;

@Configuration
@EnableWebSocketMessageBroker
class WebSocketConfig implements WebSocketMessageBrokerConfigurer {

	/** The two profiles differ in their broker. */
	interface Broker {
		void configure(MessageBrokerRegistry registry);
	}

	@Configuration
	@Profile("!relay")
	static class SimpleBroker implements Broker {

		@Override
		public void configure(MessageBrokerRegistry registry) {
			registry.enableSimpleBroker("/sub", "/queue");
		}
	}

	private final AuthChannelInterceptor auth;
	private final Broker broker;

	WebSocketConfig(AuthChannelInterceptor auth, Broker broker) {
		this.auth = auth;
		this.broker = broker;
	}

	@Override
	public void registerStompEndpoints(StompEndpointRegistry registry) {
		registry.addEndpoint("/ws").setAllowedOriginPatterns("*").withSockJS();
	}

	@Override
	public void configureMessageBroker(MessageBrokerRegistry registry) {
		registry.setApplicationDestinationPrefixes("/pub");
		broker.configure(registry);
	}

	@Override
	public void configureClientInboundChannel(ChannelRegistration registration) {
		registration.interceptors(auth);
	}
}
