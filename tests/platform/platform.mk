# SPDX-License-Identifier: MIT
# Small programs that prove what we believe of a kernel, each named as its claim: 0 it holds, 1 it does not, 77 it cannot
# be tried here. Included by the Makefile; PLATFORM_TESTS are the executables. The loop over the stand-in of kqueue is
# one of them: the unit test of the loop with another back end.

PLATFORM_CLAIMS := $(patsubst tests/platform/%.c,$(O)/platform/%,$(wildcard tests/platform/*.c))
PLATFORM_TESTS := $(PLATFORM_CLAIMS) $(O)/platform/loop_over_kqueue

$(PLATFORM_CLAIMS): $(O)/platform/%: $(O)/tests/platform/%.o
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $<

$(O)/platform/%.o: src/loop/%.c
	@mkdir -p $(@D)
	@$(if $(V),,echo "  CC   $@")
	$(Q)$(CC) $(CPPFLAGS) -Itests/platform/kqueue $(CFLAGS_ALL) -c $< -o $@

$(O)/platform/kqueue.o: tests/platform/kqueue/kqueue.c
	@mkdir -p $(@D)
	@$(if $(V),,echo "  CC   $@")
	$(Q)$(CC) $(CPPFLAGS) -Itests/platform/kqueue $(CFLAGS_ALL) -c $< -o $@

$(O)/platform/loop_over_kqueue: $(O)/tests/unit/loop/loop.o $(O)/platform/loop.o $(O)/platform/loop_kqueue.o \
		$(O)/platform/kqueue.o $(call room_archives,os base)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka

.PHONY: platform
platform: $(PLATFORM_TESTS)
	@for test in $^; do $$test || [ $$? = 77 ] || exit 1; done
