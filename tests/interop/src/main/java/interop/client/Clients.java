package interop.client;

import interop.client.Conversation.Chat;
import interop.client.Conversation.Received;
import interop.client.Conversation.Way;
import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import org.springframework.boot.logging.LogLevel;
import org.springframework.boot.logging.LoggingSystem;
import org.springframework.messaging.converter.MappingJackson2MessageConverter;
import org.springframework.messaging.converter.MessageConverter;
import org.springframework.messaging.converter.StringMessageConverter;
import org.springframework.messaging.simp.stomp.ReactorNettyTcpStompClient;
import org.springframework.scheduling.concurrent.ThreadPoolTaskScheduler;
import org.springframework.web.client.RestTemplate;
import org.springframework.web.socket.WebSocketHttpHeaders;
import org.springframework.web.socket.client.WebSocketClient;
import org.springframework.web.socket.client.standard.StandardWebSocketClient;
import org.springframework.web.socket.messaging.WebSocketStompClient;
import org.springframework.web.socket.sockjs.client.RestTemplateXhrTransport;
import org.springframework.web.socket.sockjs.client.SockJsClient;
import org.springframework.web.socket.sockjs.client.WebSocketTransport;

/**
 * Spring's own STOMP clients against a running broker. Prints a line for each thing that held;
 * ends with status 1 at the first that did not.
 *
 * <pre>Clients TRANSPORT URL TOKEN ROOM</pre>
 */
public class Clients {

	private static final int MESSAGES = 500;
	private static final long BEAT_MS = 1000;
	private static final String TEXT = "text/plain;charset=UTF-8";
	private static final String JSON = "application/json";
	private static final String WORDS = "안녕하세요 😀 \"따옴표\" \\ : \n 줄";

	private final String transport;
	private final String url;
	private final String token;
	private final String room;
	private final ThreadPoolTaskScheduler scheduler = new ThreadPoolTaskScheduler();

	private Clients(String transport, String url, String token, String room) {
		this.transport = transport;
		this.url = url;
		this.token = token;
		this.room = room;
		scheduler.initialize();
	}

	/** A client of its own for each session, as each has its own converter. */
	private Way way() {
		return switch (transport) {
			case "tcp" -> tcp();
			case "websocket" -> over(new StandardWebSocketClient());
			case "sockjs-websocket" -> over(
				new SockJsClient(
					List.of(
						new WebSocketTransport(
							new StandardWebSocketClient()
						)
					)
				)
			);
			case "sockjs-xhr_streaming" -> over(new SockJsClient(List.of(xhr(false))));
			case "sockjs-xhr" -> over(new SockJsClient(List.of(xhr(true))));
			default -> throw new IllegalArgumentException("no transport " + transport);
		};
	}

	private Way over(WebSocketClient socket) {
		var client = new WebSocketStompClient(socket);

		return new Way(client, (headers, handler) ->
			client.connectAsync(url, new WebSocketHttpHeaders(), headers, handler)
		);
	}

	private Way tcp() {
		var address = URI.create(url);
		var client = new ReactorNettyTcpStompClient(address.getHost(), address.getPort());

		return new Way(client, client::connectAsync);
	}

	private static RestTemplateXhrTransport xhr(boolean polling) {
		var transport = new RestTemplateXhrTransport(new RestTemplate());

		transport.setXhrStreamingDisabled(polling);
		return transport;
	}

	public static void main(String[] args) {
		LoggingSystem.get(Clients.class.getClassLoader()).setLogLevel(null, LogLevel.OFF);
		try {
			new Clients(args[0], args[1], args[2], args[3]).run();
			System.exit(0);
		} catch (Throwable failed) {
			failed.printStackTrace();
			System.exit(1);
		}
	}

	private void run() throws Exception {
		refused();
		try (var texts = new Open(new StringMessageConverter(), String.class)) {
			texts(texts.conversation);
			ownQueue(texts.conversation);
			heartbeats(texts.conversation);
		}
		try (var objects = new Open(new MappingJackson2MessageConverter(), Chat.class)) {
			objects(objects.conversation);
			acknowledgements(objects.conversation);
			order(objects.conversation);
		}
		say("disconnected");
	}

	/** A session that ends with its block. */
	private class Open implements AutoCloseable {

		final Conversation conversation;

		Open(MessageConverter converter, Class<?> payloadType) throws Exception {
			conversation = conversation(converter, payloadType).connect(token);
		}

		@Override
		public void close() throws Exception {
			conversation.disconnect();
		}
	}

	private Conversation conversation(MessageConverter converter, Class<?> payloadType) {
		return new Conversation(way(), converter, payloadType, scheduler, BEAT_MS);
	}

	private void refused() throws Exception {
		var refusal = conversation(new StringMessageConverter(), String.class).refusal(
			"x.y.z"
		);

		check(refusal.contains("token"), "an ERROR about the token", refusal);
		say("refused: " + refusal);
	}

	private void texts(Conversation conversation) throws Exception {
		var headers = conversation.connected.get();

		equal(headers.getFirst("version"), "1.2", "the version");
		equal(headers.getFirst("user-name"), "java@example.com", "the user's name");
		var heard = conversation.subscribe("/sub/" + room + "/texts", Map.of());

		conversation.ask("/pub/" + room + "/texts", WORDS, Map.of("content-type", TEXT));
		var received = Conversation.take(heard, "a text");

		equal(received.payload(), WORDS, "the text");
		equal(received.headers().getFirst("content-type"), TEXT, "the type of a text");
		equal(
			received.headers().getDestination(),
			"/sub/" + room + "/texts",
			"the destination"
		);
		say("texts");
	}

	private void ownQueue(Conversation conversation) throws Exception {
		var heard = conversation.subscribe("/user/queue/" + room, Map.of());

		conversation.send("/user/java@example.com/queue/" + room, WORDS);
		var received = Conversation.take(heard, "a text for this user");

		equal(received.payload(), WORDS, "the text");
		equal(
			received.headers().getDestination(),
			"/user/queue/" + room,
			"the destination"
		);
		say("own queue");
	}

	/** The client gives a connection up after three beats that are missing. */
	private void heartbeats(Conversation conversation) throws Exception {
		var agreed = conversation.connected.get().getHeartbeat();

		equal(agreed[0], BEAT_MS, "the beats that the broker sends");
		conversation.assertAlive(5 * BEAT_MS);
		say("heart-beats");
	}

	private void objects(Conversation conversation) throws Exception {
		var heard = conversation.subscribe("/sub/" + room + "/objects", Map.of());
		var chat = new Chat("java", WORDS);

		conversation.ask("/pub/" + room + "/objects", chat, Map.of());
		var received = Conversation.take(heard, "an object");

		equal(received.payload(), chat, "the object");
		equal(received.headers().getFirst("content-type"), JSON, "the type of an object");
		say("objects");
	}

	private void acknowledgements(Conversation conversation) throws Exception {
		var mode = Map.of("ack", "client-individual");
		var heard = conversation.subscribe("/sub/" + room + "/acked", mode);

		for (int i = 0; i < 3; i++) {
			conversation.send("/pub/" + room + "/acked", new Chat("java", "" + i));
			var received = Conversation.take(heard, "a message to acknowledge");

			check(
				received.headers().getAck() != null,
				"an ack header",
				received.headers()
			);
			conversation.acknowledge(received);
		}
		conversation.assertAlive(100);
		say("acknowledgements");
	}

	/** Whoever listens at /sub/ROOM/order hears them as well. */
	private void order(Conversation conversation) throws Exception {
		BlockingQueue<Received> heard = conversation.subscribe(
			"/sub/" + room + "/order",
			Map.of()
		);

		for (int i = 0; i < MESSAGES; i++) conversation.send(
			"/pub/" + room + "/order",
			new Chat("java", "" + i)
		);
		for (int i = 0; i < MESSAGES; i++) {
			var received = Conversation.take(heard, "message " + i);

			equal(received.payload(), new Chat("java", "" + i), "message " + i);
		}
		check(heard.isEmpty(), "nothing twice", heard);
		say("order: " + MESSAGES);
	}

	private static void say(String what) {
		System.out.println(what);
	}

	private static void equal(Object actual, Object expected, String what) {
		check(Objects.equals(actual, expected), what + " " + expected, actual);
	}

	private static void check(boolean holds, String expected, Object actual) {
		if (!holds) throw new AssertionError("expected " + expected + ", got " + actual);
	}
}
