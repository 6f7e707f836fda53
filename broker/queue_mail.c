#include "broker/queue_mail.h"

#include "base/mem.h"
#include "broker/message.h"

#include <stdlib.h>

void queue_mailbox_init(struct queue_mailbox *box)
{
	pthread_mutex_init(&box->lock, NULL);
	list_init(&box->mails);
}

void queue_mailbox_fini(struct queue_mailbox *box)
{
	struct queue_mail *mail;

	while ((mail = queue_mail_next(&box->mails))) {
		if (mail->message)
			message_unref(mail->message);
		free(mail);
	}
	pthread_mutex_destroy(&box->lock);
}

void queue_mailbox_post(struct queue_mailbox *box, const struct queue_mail *like)
{
	struct queue_mail *mail = mem_zalloc(sizeof(*mail) + like->queue.len);
	char *queue = (char *)(mail + 1);

	*mail = *like;
	if (like->queue.len > 0)
		memcpy(queue, like->queue.at, like->queue.len);
	mail->queue = (struct span){ queue, like->queue.len };
	pthread_mutex_lock(&box->lock);
	list_push(&box->mails, &mail->link);
	pthread_mutex_unlock(&box->lock);
}

void queue_mailbox_take(struct queue_mailbox *box, struct list *to)
{
	pthread_mutex_lock(&box->lock);
	list_take(to, &box->mails);
	pthread_mutex_unlock(&box->lock);
}

struct queue_mail *queue_mail_next(struct list *mails)
{
	struct queue_mail *mail;

	if (list_is_empty(mails))
		return NULL;
	mail = container_of(mails->next, struct queue_mail, link);
	list_remove(&mail->link);
	return mail;
}
