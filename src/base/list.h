/* SPDX-License-Identifier: MIT */
/* An intrusive list: the links stand inside the objects, so that joining and leaving never allocate and never fail.
 * A link that is on no list points to itself; list_remove() leaves it so, and may be called twice. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next;
	struct list *previous;
};

#define container_of(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define list_for_each(at, head) for (struct list *at = (head)->next; at != (head); at = at->next)

/* The body may remove `at`, but no other. */
#define list_for_each_safe(at, head) \
	for (struct list *at = (head)->next, *at##_next = at->next; at != (head); at = at##_next, at##_next = at->next)

static inline void list_init(struct list *list)
{
	list->next = list->previous = list;
}

static inline bool list_empty(const struct list *list)
{
	return list->next == list;
}

static inline void list_append(struct list *head, struct list *item)
{
	item->previous = head->previous;
	item->next = head;
	head->previous->next = item;
	head->previous = item;
}

static inline void list_prepend(struct list *head, struct list *item)
{
	list_append(head->next, item);
}

static inline void list_remove(struct list *item)
{
	item->previous->next = item->next;
	item->next->previous = item->previous;
	list_init(item);
}

/* All of `from`, in their order, behind what is there; `from` is empty then. */
static inline void list_append_all(struct list *head, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->previous = head->previous;
	head->previous->next = from->next;
	from->previous->next = head;
	head->previous = from->previous;
	list_init(from);
}

/* The first item, removed; NULL when there is none. */
static inline struct list *list_take(struct list *head)
{
	struct list *first = head->next;

	if (first == head)
		return NULL;
	list_remove(first);
	return first;
}

#endif
