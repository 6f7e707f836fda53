package interop.server;

/** Brings a message to the subscribers of every server. */
interface Publisher {
	void publish(String destination, Object content);
}
