/* SPDX-License-Identifier: MIT */
/* One entry of a lease book: how it is found, whose it is, what it is doing, and with whom that counts. Every change of what
 * the book's lists, timers and quota go by is made here. For book.c and lease.c alone. */
#ifndef SERVICE_BOOK_ENTRY_H
#define SERVICE_BOOK_ENTRY_H

#include "service/book.h"

struct book_entry *book_find_number(const struct book *book, uint64_t number);
/* Each entry of a MAC, the first with `after` NULL; NULL at the end. */
const struct book_entry *book_next_of_mac(const struct book *book, struct mac mac, const struct book_entry *after);
struct book_entry *book_find_client_and_mac(const struct book *book, const struct lease_client *client);
struct book_entry *book_find_client(const struct book *book, const struct lease_client *client);
struct book_entry *book_find_reservation(const struct book *book, struct mac mac);
struct book_entry *book_entry_of(struct lease *lease);

/* Free, and nobody's yet. NULL: there are LEASES_MAX already. */
struct book_entry *book_entry_make(struct book *book, uint64_t number);
void book_entry_chain(struct book_entry *entry, enum book_chain chain);
/* Again is nothing. */
void book_entry_unchain(struct book_entry *entry, enum book_chain chain);
void book_entry_give_to(struct book_entry *entry, const struct lease_client *client);
void book_entry_forget_client(struct book_entry *entry);
/* Its client is heard of at this port. */
void book_entry_set_place(struct book_entry *entry, uint64_t place, bool lent);
void book_entry_set(struct book_entry *entry, enum lease_state state, uint64_t due_us);
void book_entry_set_free(struct book_entry *entry);
/* Bound, and its client is at no port from now on. */
void book_entry_set_away(struct book_entry *entry, uint64_t now_us);
/* Away, and free now for another. */
void book_entry_give_up(struct book_entry *entry);
/* Tells the watcher. */
void book_entry_tell(const struct book_entry *entry, enum lease_state was);

#endif
