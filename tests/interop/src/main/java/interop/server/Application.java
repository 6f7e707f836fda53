package interop.server;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.event.ApplicationReadyEvent;
import org.springframework.boot.web.servlet.context.ServletWebServerApplicationContext;
import org.springframework.context.event.EventListener;

/**
 * A chat and watch-party server of the kind that stompbox takes the place of: SockJS at /ws, /pub
 * to send to, /sub to listen on, a token in CONNECT, and Redis between the servers. Profile "relay"
 * has no Redis; its broker is stompbox, over TCP.
 */
@SpringBootApplication
public class Application {

	public static void main(String[] args) {
		SpringApplication.run(Application.class, args);
	}

	/** The port is the kernel's choice when server.port is 0. */
	@EventListener
	void tell(ApplicationReadyEvent event) {
		var context = (ServletWebServerApplicationContext) event.getApplicationContext();

		System.out.println("listening on 127.0.0.1:" + context.getWebServer().getPort());
	}
}
