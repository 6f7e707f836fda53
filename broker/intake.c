#include "broker/intake.h"

#include "base/mem.h"
#include "broker/ack.h"
#include "broker/broker.h"
#include "broker/queues.h"
#include "broker/session.h"
#include "broker/topic.h"
#include "broker/wire.h"
#include "redis/envelope.h"
#include "stomp/pattern.h"
#include "transport/conn.h"

#include <stdlib.h>

enum {
	SHARD_SHIFT = 48, /* the number of a consumer begins with its shard */
};

struct intake {
	struct list link;    /* in session->intakes while something waits */
	struct list waiting; /* struct queue_mail.link, oldest first */
	struct session *session;
	struct subscription *subscription; /* borrowed: it closes the intake when it ends */
	uint64_t number;
};

static struct span key_of(const uint64_t *number)
{
	return (struct span){ (const char *)number, sizeof(*number) };
}

static void ask(const struct intake *in, struct queue_mail mail)
{
	const struct shard *s = in->session->shard;

	mail.consumer = in->number;
	mail.shard = s->index;
	if (s->broker->queues) /* it goes before the last sessions do */
		queues_ask(s->broker->queues, &mail);
}

static void drop_mail(struct queue_mail *mail)
{
	if (mail->message)
		message_unref(mail->message);
	free(mail);
}

static void drop_waiting(struct intake *in)
{
	struct queue_mail *mail;

	while ((mail = queue_mail_next(&in->waiting)))
		drop_mail(mail);
	list_remove(&in->link);
}

/* --- opening and closing -------------------------------------------------- */

bool intake_check(struct session *s, const struct stomp_frame *frame, struct span queue)
{
	struct span receipt = stomp_frame_value(frame, SPAN("receipt"));

	if (stomp_pattern_is_special(queue)) {
		session_fail(
			s, receipt, "Not a queue", "the name of a queue holds none of * ? { }");
		return false;
	}
	if (queue.len > QUEUES_NAME_MOST) {
		session_fail(s, receipt, "Destination too long",
			"the name of a queue has at most %d bytes", QUEUES_NAME_MOST);
		return false;
	}
	return true;
}

/*
 * The publish is no SEND: it says when the queue knows of its consumer, and stands
 * for the credit of this frame. What the hub has by mail it reads first.
 */
void intake_open(
	struct session *s, const struct stomp_frame *frame, struct subscription *subscription)
{
	struct shard *shard = s->shard;
	struct intake *in = mem_zalloc(sizeof(*in));
	struct span queue = subscription->topic->destination;
	struct publish *p = publish_new(&(struct bus_message){ .destination = queue }, true);

	list_init(&in->link);
	list_init(&in->waiting);
	in->session = s;
	in->subscription = subscription;
	in->number = (uint64_t)shard->index << SHARD_SHIFT | ++shard->last_intake;
	subscription->intake = in;
	map_put(&shard->intakes, key_of(&in->number), in);
	ask(in, (struct queue_mail){
			.kind = QUEUE_MAIL_ATTACH,
			.queue = queue,
			.answers = subscription->ack != SUBSCRIPTION_AUTO,
			.amount = shard->broker->config->limits_unacked,
		});
	session_receipt(s, frame, shard->published + 1);
	p->attaches = true;
	shard_hand_over(shard, p, s);
}

void intake_close(struct session *s, struct subscription *subscription)
{
	struct intake *in = subscription->intake;

	if (!in)
		return;
	subscription->intake = NULL;
	ask(in, (struct queue_mail){ .kind = QUEUE_MAIL_DETACH });
	drop_waiting(in);
	(void)map_remove(&s->shard->intakes, key_of(&in->number));
	free(in);
}

void intake_close_all(struct session *s)
{
	for (struct subscription *at = s->subscriptions; at; at = at->next)
		intake_close(s, at);
}

/* --- to the client -------------------------------------------------------- */

/*
 * What does not go out at once may go to somebody else instead. But with nothing
 * in its own queue a client gets one message, whose age tells when it is too slow.
 */
static bool has_room(const struct session *s, const struct intake *in)
{
	bool is_open = s->out.count == 0 ||
		       (!conn_is_blocked(s->conn) &&
			       s->out.bytes < s->shard->broker->config->limits_queue / 2);

	return is_open && (in->subscription->ack == SUBSCRIPTION_AUTO || acks_have_room(s->acks));
}

/* Whether a client may have seen it before, only the queue knows. */
static struct wire *make_wire(struct session *s, const struct queue_mail *mail)
{
	struct bus_header headers[ENVELOPE_HEADERS_MOST + 1];
	struct bus_message m = mail->message->content;
	size_t count = 0;

	if (mail->redelivered)
		headers[count++] = (struct bus_header){ SPAN("redelivered"), SPAN("true") };
	for (size_t i = 0; i < m.header_count && count < countof(headers); i++) {
		if (!span_eq(m.headers[i].name, SPAN("redelivered")))
			headers[count++] = m.headers[i];
	}
	m.headers = headers;
	m.header_count = count;
	return (s->is_text_only && !m.body_is_utf8 ? wire_message_as_text : wire_message)(
		&m, span_of(mail->message->id), s->version, &s->shard->scratch);
}

static void pass(struct session *s, struct intake *in, struct queue_mail *mail)
{
	struct wire *wire = make_wire(s, mail);

	stats_add(&s->shard->stats.messages_queued, 1);
	if (in->subscription->ack == SUBSCRIPTION_AUTO)
		session_queue(s, wire, in->subscription, 0);
	else
		session_deliver_given(s, wire, in->subscription, mail->message->id, mail->last);
	drop_mail(mail);
}

static void drain(struct session *s, struct intake *in)
{
	struct queue_mail passed = { .kind = QUEUE_MAIL_PASSED };

	while (s->state == SESSION_CONNECTED && !list_is_empty(&in->waiting) && has_room(s, in)) {
		struct queue_mail *mail = queue_mail_next(&in->waiting);

		passed.last = mail->last;
		pass(s, in, mail);
	}
	if (passed.last > 0)
		ask(in, passed);
	if (list_is_empty(&in->waiting))
		list_remove(&in->link);
}

void intake_pump(struct session *s)
{
	struct list *at, *next;

	for (at = s->intakes.next; at != &s->intakes; at = next) {
		next = at->next;
		drain(s, container_of(at, struct intake, link));
	}
}

void intake_settle(const struct subscription *subscription, uint64_t number, bool taken)
{
	if (!subscription->intake || number == 0)
		return;
	ask(subscription->intake,
		(struct queue_mail){
			.kind = QUEUE_MAIL_SETTLE,
			.first = subscription->ack == SUBSCRIPTION_CLIENT ? 0 : number,
			.last = number,
			.taken = taken,
		});
}

void intake_take_mail(struct shard *s)
{
	struct queue_mail *mail;
	struct list mails;

	queue_mailbox_take(&s->queue_mail, &mails);
	while ((mail = queue_mail_next(&mails))) {
		struct intake *in = map_get(&s->intakes, key_of(&mail->consumer));

		if (!in) {
			drop_mail(mail); /* it has closed: the queue learns of it */
		} else if (mail->kind == QUEUE_MAIL_FORGET) {
			drop_waiting(in);
			drop_mail(mail);
		} else {
			list_push(&in->waiting, &mail->link);
			list_remove(&in->link);
			list_push(&in->session->intakes, &in->link);
			drain(in->session, in);
		}
	}
}
