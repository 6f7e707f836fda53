package interop.server;

import java.security.Principal;

/** Whoever has connected: the e-mail address is the name, as in convertAndSendToUser(). */
record User(String email, String userId) implements Principal {
	@Override
	public String getName() {
		return email;
	}

	Messages.Sender asSender() {
		return new Messages.Sender(userId, email);
	}
}
