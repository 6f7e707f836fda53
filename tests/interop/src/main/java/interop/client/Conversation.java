package interop.client;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.lang.reflect.Type;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.springframework.messaging.converter.MessageConverter;
import org.springframework.messaging.simp.stomp.StompClientSupport;
import org.springframework.messaging.simp.stomp.StompCommand;
import org.springframework.messaging.simp.stomp.StompFrameHandler;
import org.springframework.messaging.simp.stomp.StompHeaders;
import org.springframework.messaging.simp.stomp.StompSession;
import org.springframework.messaging.simp.stomp.StompSessionHandler;
import org.springframework.messaging.simp.stomp.StompSessionHandlerAdapter;
import org.springframework.scheduling.TaskScheduler;

/** One session of Spring's client. Every wait has an end, and what fails says so. */
class Conversation extends StompSessionHandlerAdapter {

	private static final long PATIENCE_SECONDS = 10;

	/** What came to a subscription: its headers, and the payload as the converter made it. */
	record Received(StompHeaders headers, Object payload) {}

	@JsonInclude(JsonInclude.Include.NON_NULL)
	record Chat(String sender, String content) {}

	/** One of Spring's clients, and how it is told to connect. */
	record Way(StompClientSupport client, Connect connect) {}

	interface Connect {
		CompletableFuture<StompSession> with(
			StompHeaders headers,
			StompSessionHandler handler
		);
	}

	final CompletableFuture<StompHeaders> connected = new CompletableFuture<>();
	private final CompletableFuture<String> error = new CompletableFuture<>();
	private final CompletableFuture<Throwable> lost = new CompletableFuture<>();
	private final Way way;
	private final Class<?> payloadType;
	private StompSession session;

	Conversation(
		Way way,
		MessageConverter converter,
		Class<?> payloadType,
		TaskScheduler scheduler,
		long heartbeatMs
	) {
		this.payloadType = payloadType;
		this.way = way;
		way.client().setMessageConverter(converter);
		way.client().setTaskScheduler(scheduler);
		way.client().setDefaultHeartbeat(new long[] { heartbeatMs, heartbeatMs });
	}

	Conversation connect(String token) throws Exception {
		session = within(start(token), "CONNECTED");
		within(connected, "the headers of CONNECTED");
		session.setAutoReceipt(false);
		return this;
	}

	/** The message of the ERROR by which CONNECT is answered. */
	String refusal(String token) throws Exception {
		start(token);
		return within(error, "ERROR");
	}

	private CompletableFuture<StompSession> start(String token) {
		var headers = new StompHeaders();

		headers.add("Authorization", "Bearer " + token);
		return way.connect().with(headers, this);
	}

	/** Subscribed, as its receipt has said. */
	BlockingQueue<Received> subscribe(String destination, Map<String, String> more)
		throws Exception {
		var queue = new LinkedBlockingQueue<Received>();
		var headers = headersFor(destination, more);

		headers.setReceipt("of " + destination);
		awaitReceipt(
			session.subscribe(
				headers,
				new StompFrameHandler() {
					@Override
					public Type getPayloadType(StompHeaders received) {
						return payloadType;
					}

					@Override
					public void handleFrame(
						StompHeaders received,
						Object payload
					) {
						queue.add(new Received(received, payload));
					}
				}
			)
		);
		return queue;
	}

	void send(String destination, Object payload) {
		session.send(destination, payload);
	}

	/** Returns when the receipt has come. */
	void ask(String destination, Object payload, Map<String, String> more) throws Exception {
		var headers = headersFor(destination, more);

		headers.setReceipt("of " + payload);
		awaitReceipt(session.send(headers, payload));
	}

	void acknowledge(Received message) {
		var headers = new StompHeaders();

		headers.setId(message.headers().getAck());
		session.acknowledge(headers, true);
	}

	/** The connection must live on for so long; without heart-beats the client would give it up. */
	void assertAlive(long ms) throws Exception {
		try {
			throw new AssertionError("lost", lost.get(ms, TimeUnit.MILLISECONDS));
		} catch (TimeoutException expected) {
			if (!session.isConnected()) throw new AssertionError(
				"not connected any more"
			);
		}
	}

	void disconnect() throws Exception {
		var headers = new StompHeaders();

		headers.setReceipt("bye");
		session.disconnect(headers);
		if (session.isConnected()) throw new AssertionError("still connected");
	}

	static <T> T take(BlockingQueue<T> queue, String what) throws Exception {
		T item = queue.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);

		if (item == null) throw new AssertionError("nothing came: " + what);
		return item;
	}

	private static StompHeaders headersFor(String destination, Map<String, String> more) {
		var headers = new StompHeaders();

		headers.setDestination(destination);
		headers.setAll(more);
		return headers;
	}

	private void awaitReceipt(StompSession.Receiptable receipt) throws Exception {
		var answered = new CompletableFuture<Void>();

		receipt.addReceiptTask(() -> answered.complete(null));
		receipt.addReceiptLostTask(() ->
			answered.completeExceptionally(new AssertionError("the receipt is lost"))
		);
		within(answered, "RECEIPT " + receipt.getReceiptId());
	}

	private <T> T within(CompletableFuture<T> future, String what) throws Exception {
		try {
			return future.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
		} catch (TimeoutException | ExecutionException failed) {
			throw new AssertionError(
				"no " +
					what +
					"; ERROR: " +
					error.getNow("none") +
					"; lost: " +
					lost.getNow(null),
				failed
			);
		}
	}

	@Override
	public void afterConnected(StompSession opened, StompHeaders headers) {
		connected.complete(headers);
	}

	/** Only an ERROR comes here. */
	@Override
	public void handleFrame(StompHeaders headers, Object payload) {
		error.complete(headers.getFirst("message"));
	}

	@Override
	public void handleException(
		StompSession failed,
		StompCommand command,
		StompHeaders headers,
		byte[] payload,
		Throwable why
	) {
		lost.complete(why);
	}

	@Override
	public void handleTransportError(StompSession failed, Throwable why) {
		lost.complete(why);
	}
}
