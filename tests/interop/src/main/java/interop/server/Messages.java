package interop.server;

import java.time.Instant;
import java.util.UUID;

/** What pages send and get. */
interface Messages {
	record ChatRequest(String content) {}

	record Sender(String userId, String name) {}

	record Chat(Sender sender, String content) {}

	record Content(String id) {}

	record WatchingSession(UUID id, Instant createdAt, Sender watcher, Content content) {}

	enum Change {
		JOIN,
		LEAVE,
	}

	record WatchChange(Change type, WatchingSession watchingSession, long watcherCount) {}
}
