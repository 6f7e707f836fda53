package interop.server;

import io.jsonwebtoken.Claims;
import io.jsonwebtoken.JwtException;
import io.jsonwebtoken.JwtParser;
import io.jsonwebtoken.Jwts;
import io.jsonwebtoken.security.Keys;
import java.nio.charset.StandardCharsets;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.messaging.Message;
import org.springframework.messaging.MessageChannel;
import org.springframework.messaging.MessageDeliveryException;
import org.springframework.messaging.simp.stomp.StompCommand;
import org.springframework.messaging.simp.stomp.StompHeaderAccessor;
import org.springframework.messaging.support.ChannelInterceptor;
import org.springframework.messaging.support.MessageHeaderAccessor;
import org.springframework.stereotype.Component;

/** Lets nobody CONNECT without a good token; the rest of the session goes by that. */
@Component
class AuthChannelInterceptor implements ChannelInterceptor {

	private static final String SCHEME = "Bearer ";

	private final JwtParser tokens;

	AuthChannelInterceptor(@Value("${interop.jwt.secret}") String secret) {
		tokens = Jwts.parser()
			.verifyWith(Keys.hmacShaKeyFor(secret.getBytes(StandardCharsets.UTF_8)))
			.require("type", "access")
			.build();
	}

	@Override
	public Message<?> preSend(Message<?> message, MessageChannel channel) {
		var accessor = MessageHeaderAccessor.getAccessor(
			message,
			StompHeaderAccessor.class
		);

		if (
			accessor != null && accessor.getCommand() == StompCommand.CONNECT
		) accessor.setUser(userOf(message, accessor.getFirstNativeHeader("Authorization")));
		return message;
	}

	private User userOf(Message<?> message, String header) {
		if (
			header == null || !header.startsWith(SCHEME)
		) throw new MessageDeliveryException(message, "a token is needed");
		try {
			Claims claims = tokens
				.parseSignedClaims(header.substring(SCHEME.length()))
				.getPayload();

			return new User(claims.getSubject(), claims.get("userId", String.class));
		} catch (JwtException refused) {
			throw new MessageDeliveryException(message, "the token is refused");
		}
	}
}
