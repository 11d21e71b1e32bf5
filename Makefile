# SPDX-License-Identifier: MIT
# One Makefile, not recursive over folders, no configure step; all output under build/. `make help` lists what there is.
#
# A variant is a compiler and its flags, in a folder of its own: release, asan, clang, fuzz. `make VARIANT=asan …` builds
# in build/asan. Each room of src/ is one archive, and a unit test links only the rooms that its own may use, so that the
# layer table holds at link time too.

VARIANT ?= release
O := build/$(VARIANT)
SYSTEM := $(shell uname -s | tr A-Z a-z)

CPPFLAGS := -Isrc -Iinclude -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Wstrict-prototypes -Wswitch -Wvla -Wwrite-strings
CFLAGS_ALL := -std=c11 $(WARNINGS) -fvisibility=hidden -fPIC -fstack-protector-strong -MMD -MP -g
ifneq ($(WERROR),)
CFLAGS_ALL += -Werror
endif

ifeq ($(VARIANT),asan)
CC := gcc
CFLAGS_ALL += -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
LDFLAGS += -fsanitize=address,undefined
else ifeq ($(VARIANT),clang)
CC := clang
CFLAGS_ALL += -O2
else ifeq ($(VARIANT),fuzz)
CC := clang
CFLAGS_ALL += -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
	-fprofile-instr-generate -fcoverage-mapping
LDFLAGS += -fsanitize=fuzzer,address,undefined -fprofile-instr-generate
else
CC ?= gcc
CFLAGS_ALL += -O2
endif
CFLAGS_ALL += $(CFLAGS)

ifeq ($(SYSTEM),darwin)
NOT_HERE := %_linux.c %/loop_epoll.c
else
NOT_HERE := %_darwin.c %/loop_kqueue.c
endif

ROOMS := base wire os loop virtio fabric service nat port hostnet network control daemon cli
room_sources = $(filter-out $(NOT_HERE),$(wildcard src/$(1)/*.c))
room_objects = $(patsubst src/%.c,$(O)/src/%.o,$(call room_sources,$(1)))

# What a room may use, itself last to first: the layer table of ARCHITECTURE.md, for the linker.
USES_base := base
USES_wire := wire base
USES_os := os base
USES_loop := loop os base
USES_virtio := virtio base
USES_control := control base
USES_fabric := fabric wire base
USES_service := service fabric wire base
USES_nat := nat fabric loop os wire base
USES_port := port fabric virtio loop os wire base
USES_hostnet := hostnet os wire base
USES_network := network port nat service fabric virtio loop os wire base
USES_daemon := daemon control network port nat service fabric virtio loop os wire base
USES_cli := cli daemon hostnet control network port nat service fabric virtio loop os wire base

LIBS_control := -ljansson
LIBS_daemon := -ljansson -lyaml
LIBS_cli := $(LIBS_daemon) -ldl

CORE := base wire os loop virtio fabric service nat port network
room_archives = $(foreach r,$(1),$(if $(call room_sources,$(r)),$(O)/lib/$(r).a))

.PHONY: all
all: $(O)/guestwire

define ROOM_RULE
$(O)/lib/$(1).a: $(call room_objects,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(Q)$(AR) rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(if $(call room_sources,$(r)),$(eval $(call ROOM_RULE,$(r)))))

Q := $(if $(V),,@)

$(O)/src/%.o: src/%.c
	@mkdir -p $(@D)
	@$(if $(V),,echo "  CC   $@")
	$(Q)$(CC) $(CPPFLAGS) -DGW_BUILDING $(CFLAGS_ALL) -c $< -o $@

$(O)/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	@$(if $(V),,echo "  CC   $@")
	$(Q)$(CC) $(CPPFLAGS) -I. -Itests $(CFLAGS_ALL) -c $< -o $@

$(O)/guestwire: $(call room_archives,$(USES_cli))
	$(Q)$(CC) $(LDFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(LIBS_cli)

# tests/unit/FOLDER/FILE.c -> build/VARIANT/unit/FOLDER/FILE
UNIT_SOURCES := $(wildcard tests/unit/*/*.c)
UNIT_TESTS := $(patsubst tests/unit/%.c,$(O)/unit/%,$(UNIT_SOURCES))
define UNIT_RULE
$(O)/unit/$(1)/%: $(O)/tests/unit/$(1)/%.o $(call room_archives,$(USES_$(1)))
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$< -Wl,--start-group $(call room_archives,$(USES_$(1))) -Wl,--end-group $(LIBS_$(1)) -lcmocka
endef
$(foreach r,$(ROOMS),$(eval $(call UNIT_RULE,$(r))))

.PHONY: unit
unit: $(UNIT_TESTS)

.PHONY: clean
clean:
	rm -rf build

.SECONDARY:
-include $(shell find $(O) -name '*.d' 2>/dev/null)
