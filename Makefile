# SPDX-License-Identifier: MIT
# One Makefile, not recursive over folders, no configure step; all output under build/. `make help` lists what there is.
#
# A variant is a compiler and its flags, in a folder of its own: release, asan, clang, fuzz, darwin. `make
# VARIANT=asan …` builds in build/asan. Each room of src/ is one archive, and a unit test links only the rooms that its own may use, so that the
# layer table holds at link time too.

VARIANT ?= release
VARIANTS := release asan clang darwin fuzz
ifeq ($(filter $(VARIANTS),$(VARIANT)),)
$(error VARIANT=$(VARIANT): there is no such variant; $(VARIANTS) are)
endif
O := build/$(VARIANT)
SYSTEM := $(shell uname -s | tr A-Z a-z)
VERSION := $(shell awk '/define GW_VERSION_(MAJOR|MINOR|PATCH)/ { printf "%s%s", dot, $$3; dot = "." }' include/guestwire/guestwire.h)
SOVERSION := $(firstword $(subst ., ,$(VERSION)))
# FUZZER=NAME, FUZZ_SECONDS=N, INSTALL=no and FULL=1 reach the scripts; so do the folders that they install to.
export INSTALL FULL FUZZ_SECONDS
export PREFIX ?= /usr/local
export DESTDIR ?=

CPPFLAGS := -Isrc -Iinclude -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Wstrict-prototypes -Wswitch -Wvla -Wwrite-strings
CFLAGS_ALL := -std=c11 $(WARNINGS) -fvisibility=hidden -fPIC -fstack-protector-strong -MMD -MP -g
ifneq ($(WERROR),)
CFLAGS_ALL += -Werror
endif

# Under sanitizers what costs more to compile than to run is not optimised: the unit tests, and semu's pairs, a thousand
# functions that differ by one operation. Their back traces need lines alone (-g1).
ifeq ($(VARIANT),asan)
CC := gcc
CFLAGS_ALL += -g1 -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
LDFLAGS += -fsanitize=address,undefined
UNIT_FLAGS := -O0
FUSE_FLAGS := -O0
else ifeq ($(VARIANT),clang)
CC := clang
CFLAGS_ALL += -fsyntax-only
else ifeq ($(VARIANT),darwin)
SYSTEM := darwin
# struct msghdr counts in int there.
CC := clang -target arm64-apple-macos13 -isysroot $(SDK)
CFLAGS_ALL += -fsyntax-only -Wno-shorten-64-to-32
else ifeq ($(VARIANT),fuzz)
CC := clang
CFLAGS_ALL += -g1 -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
	-fprofile-instr-generate -fcoverage-mapping
LDFLAGS += -fsanitize=address,undefined -fprofile-instr-generate
FUSE_FLAGS := -O0
else
ifeq ($(origin CC),default)
CC := gcc
endif
CFLAGS_ALL += -O2
endif
# Sizes are constants of enums, and may be added and chosen between.
ifneq ($(findstring clang,$(CC)),)
CFLAGS_ALL += -Wno-enum-enum-conversion -Wno-enum-compare-conditional -Wno-enum-float-conversion
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
USES_daemon := daemon hostnet control network port nat service fabric virtio loop os wire base
USES_cli := cli daemon hostnet control network port nat service fabric virtio loop os wire base

LIBS_control := -ljansson
LIBS_daemon := -ljansson -lyaml
LIBS_cli := $(LIBS_daemon) -ldl
LIBS_semu := -lfdt -lm

CORE := base wire os loop virtio fabric service nat port network
CORE_OBJECTS := $(foreach r,$(CORE),$(call room_objects,$(r)))
room_archives = $(foreach r,$(1),$(if $(call room_sources,$(r)),$(O)/lib/$(r).a))

Q := $(if $(V),,@)
say = $(if $(V),@:,@echo "  $(1)	$@")
# clang, and the other system's headers, are asked for their warnings alone: no object comes out.
compile = $(CC) $(CPPFLAGS) $(1) $(CFLAGS_ALL) -c $< -o $@$(if $(filter clang darwin,$(VARIANT)), && touch $@)

.PHONY: all
all: $(O)/guestwire $(O)/semu

.PHONY: help
help:
	@cat scripts/help.txt

define ROOM_RULE
$(O)/lib/$(1).a: $(call room_objects,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(Q)$(AR) rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(if $(call room_sources,$(r)),$(eval $(call ROOM_RULE,$(r)))))

# A compiler or flags other than last time's build everything anew. -Werror is not one of them.
FLAGS_NOW := $(CC) $(CPPFLAGS) $(filter-out -Werror,$(CFLAGS_ALL) $(UNIT_FLAGS) $(FUSE_FLAGS))
$(O)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(FLAGS_NOW))' | cmp -s - $@ || echo '$(subst ','\'',$(FLAGS_NOW))' >$@
.PHONY: FORCE
FORCE:

$(O)/src/%.o: src/%.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(call compile,-DGW_BUILDING)

$(O)/tests/%.o: tests/%.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(call compile,-I. -Itests)

$(O)/tests/unit/%.o: CFLAGS_ALL += $(UNIT_FLAGS)
$(O)/semu-objects/fuse.o: CFLAGS_ALL += $(FUSE_FLAGS)

ifeq ($(SYSTEM),darwin)
link = $(CC) $(LDFLAGS) -o $@ $(1) $(2) $(3)
else
link = $(CC) $(LDFLAGS) -o $@ $(1) -Wl,--start-group $(2) -Wl,--end-group $(3)
endif

$(O)/guestwire: $(call room_archives,$(USES_cli))
	$(call say,LINK)
	$(Q)$(call link,,$^,$(LIBS_cli))

# ---- semu: a machine of its own, beside the library ----

$(O)/semu-objects/%.o: semu/%.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(call compile,-I.)

SEMU_OBJECTS := $(patsubst semu/%.c,$(O)/semu-objects/%.o,$(filter-out $(NOT_HERE),$(wildcard semu/*.c)))

# What the programs need of the distribution, told in a line and not by the compiler. The library needs none of it.
HEADERS := jansson.h yaml.h libfdt.h
ifneq ($(VARIANT),darwin)
$(foreach r,control daemon cli,$(call room_objects,$(r))) $(SEMU_OBJECTS): | $(O)/headers
endif
$(O)/headers:
	@mkdir -p $(@D)
	@absent=; for header in $(HEADERS); do \
		echo "#include <$$header>" | $(CC) $(CPPFLAGS) $(CFLAGS) -E - >/dev/null 2>&1 || absent="$$absent $$header"; done; \
	[ -z "$$absent" ] || { echo "guestwire: not here:$$absent; scripts/install-packages build installs it" >&2; exit 2; }
	@touch $@

# The library as any program has it, and once more, for the disk and the random numbers, the rings that it hides. Of daemon
# and os the linker takes what starts a command.
SEMU_LINKS := $(O)/lib/semu.a $(O)/lib/virtio.a $(O)/lib/daemon.a $(O)/lib/os.a $(O)/lib/base.a $(O)/libguestwire.a
$(O)/semu: $(O)/semu-objects/main.o $(SEMU_LINKS)
	$(call say,LINK)
	$(Q)$(call link,$<,$(filter %.a,$^),$(LIBS_semu))

$(O)/lib/semu.a: $(filter-out %/main.o,$(SEMU_OBJECTS))
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# A kernel and an initramfs for it, of a distribution's packages, under build/guest.
.PHONY: guest
guest:
	$(Q)scripts/guest

# ---- the library: shared with versioned symbols; static as one object whose inner names are local ----

LIBRARY := $(O)/libguestwire.so.$(VERSION) $(O)/libguestwire.a
.PHONY: library
library: $(LIBRARY)

$(O)/libguestwire.so.$(VERSION): $(CORE_OBJECTS) scripts/libguestwire.map
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS) -shared -Wl,-soname,libguestwire.so.$(SOVERSION) -Wl,--version-script,scripts/libguestwire.map \
		-Wl,-z,defs -o $@ $(CORE_OBJECTS)

# macOS has no objcopy; there the inner names are hidden from shared libraries alone.
$(O)/libguestwire.a: $(CORE_OBJECTS)
	$(call say,AR)
ifeq ($(SYSTEM),darwin)
	@rm -f $@
	$(Q)$(AR) rcs $@ $(CORE_OBJECTS)
else
	$(Q)$(LD) -r -o $(O)/libguestwire.o $(CORE_OBJECTS)
	$(Q)objcopy --localize-hidden $(O)/libguestwire.o
	@rm -f $@
	$(Q)$(AR) rcs $@ $(O)/libguestwire.o
endif

# ---- tests. tests/kit holds what several of them share ----

KIT := $(if $(wildcard tests/kit/*.c),$(O)/lib/testkit.a)
$(O)/lib/testkit.a: $(patsubst %.c,$(O)/%.o,$(wildcard tests/kit/*.c))
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# tests/unit/FOLDER/FILE.c -> build/VARIANT/unit/FOLDER/FILE
UNIT_SOURCES := $(wildcard tests/unit/*/*.c)
UNIT_TESTS := $(patsubst tests/unit/%.c,$(O)/unit/%,$(UNIT_SOURCES))
define UNIT_RULE
$(O)/unit/$(1)/%: $(O)/tests/unit/$(1)/%.o $(KIT) $(call room_archives,$(USES_$(1)))
	@mkdir -p $$(@D)
	$$(Q)$$(call link,$$<,$$(filter %.a,$$^),$(LIBS_$(1)) -lcmocka)
endef
$(foreach r,$(ROOMS),$(eval $(call UNIT_RULE,$(r))))

$(O)/unit/semu/%: $(O)/tests/unit/semu/%.o $(KIT) $(SEMU_LINKS)
	@mkdir -p $(@D)
	$(Q)$(call link,$<,$(filter %.a,$^),$(LIBS_semu) -lcmocka)

# tests/isa: a hart's instructions beside those of QEMU's user mode, its privileged half beside QEMU's machine.
ISA_PROGRAMS := $(O)/isa/against_qemu $(O)/isa/against_machine
$(O)/isa/against_qemu: $(patsubst %,$(O)/tests/isa/%.o,against_qemu program unit unit_float unit_compressed)
$(O)/isa/against_machine: $(patsubst %,$(O)/tests/isa/%.o,against_machine stage cases)
$(ISA_PROGRAMS): $(SEMU_LINKS)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(call link,$(filter %.o,$^),$(filter %.a,$^),$(LIBS_semu))

$(O)/bench/semu_loops: $(O)/tests/bench/semu_loops.o $(SEMU_LINKS)
	@mkdir -p $(@D)
	$(Q)$(call link,$<,$(filter %.a,$^),$(LIBS_semu))

# tests/sim and tests/bench: one program from each file, with all of the library, control and the kit.
programs = $(patsubst tests/%.c,$(O)/%,$(wildcard tests/$(1)/*.c))
define PROGRAM_RULE
$(O)/$(1)/%: $(O)/tests/$(1)/%.o $(KIT) $(call room_archives,control $(CORE))
	@mkdir -p $$(@D)
	$$(Q)$$(call link,$$<,$$(filter %.a,$$^),$(LIBS_control) -lpthread)
endef
$(foreach p,sim bench,$(eval $(call PROGRAM_RULE,$(p))))

.PHONY: unit sim isa-programs bench-programs platform-programs objects
unit: $(UNIT_TESTS)
sim: $(call programs,sim)
isa-programs: $(ISA_PROGRAMS)
bench-programs: $(call programs,bench)
-include tests/platform/platform.mk
platform-programs: $(PLATFORM_TESTS)
# What one compiler says of everything, without linking.
objects: $(foreach r,$(ROOMS),$(call room_objects,$(r))) $(SEMU_OBJECTS)
ifneq ($(VARIANT),darwin)
objects: $(patsubst %.c,$(O)/%.o,$(UNIT_SOURCES) $(wildcard tests/sim/*.c tests/isa/*.c tests/kit/*.c tests/platform/*.c tests/bench/*.c))
endif

# tests/fuzz/NAME.c -> build/fuzz/fuzz/NAME, and build/fuzz/planted/NAME: the same and the file it covers, with the
# planted bug (-DPLANTED) compiled in.
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))
FUZZ_ROOMS := control $(CORE)
FUZZ_ARCHIVES = $(KIT) $(O)/lib/semu.a $(O)/lib/config.a $(call room_archives,$(FUZZ_ROOMS))
FUZZ_LINK = -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS_daemon) $(LIBS_semu)
.PHONY: fuzzers
fuzzers: $(addprefix build/fuzz/fuzz/,$(FUZZERS)) $(addprefix build/fuzz/planted/,$(FUZZERS))
ifeq ($(VARIANT),fuzz)
# Of the daemon's room only what reads a file that somebody wrote.
$(O)/lib/config.a: $(O)/src/daemon/config.o
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(O)/fuzz/%: $(O)/tests/fuzz/%.o $(FUZZ_ARCHIVES)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $< $(FUZZ_LINK)
$(O)/planted/%: tests/fuzz/%.c $(FUZZ_ARCHIVES)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CPPFLAGS) -I. -Itests -DPLANTED $(filter-out -MMD -MP -Werror -fprofile% -fcoverage%,$(CFLAGS_ALL)) $(LDFLAGS) \
		-fsanitize=fuzzer -o $@ $< $(shell scripts/fuzz --covers $(*F) 2>/dev/null) $(FUZZ_LINK)
else
build/fuzz/fuzz/% build/fuzz/planted/%:
	$(Q)$(MAKE) --no-print-directory VARIANT=fuzz $@
endif

.PHONY: demo check check-full system asan fuzz bench
demo:
	@scripts/install-packages demo
	@$(MAKE) --no-print-directory -j2 VARIANT=release all
	@scripts/demo
	@scripts/demo-semu
# With NETDEV=user|tap only what boots a guest in semu on that network.
check check-full:
	@scripts/install-packages $@
	@$(if $(filter check-full,$@),FULL=1) $(if $(NETDEV),NETDEV=$(NETDEV)) tests/run $(if $(NETDEV),netdev)
system asan:
	@tests/run $(if $(filter asan,$@),unit-asan sim-asan system-asan,system)
fuzz:
ifneq ($(FUZZER),isa)
	@$(MAKE) --no-print-directory -j2 VARIANT=fuzz fuzzers
	@scripts/fuzz $(FUZZER)
endif
ifeq ($(filter-out isa,$(FUZZER)),)
	@$(MAKE) --no-print-directory -j2 VARIANT=release isa-programs
	@tests/isa/long
endif
bench: all bench-programs
	@tests/bench/run $(BENCH)

.PHONY: format
format:
	clang-format -i $$(git ls-files '*.c' '*.h')

# ---- installing ----

.PHONY: install install.bin uninstall dist clean
install: $(O)/guestwire $(O)/semu $(LIBRARY)
	@VERSION=$(VERSION) BUILT=$(O) scripts/install put
install.bin: $(O)/guestwire
	@VERSION=$(VERSION) BUILT=$(O) scripts/install put-program
uninstall:
	@VERSION=$(VERSION) BUILT=$(O) scripts/install remove
dist:
	@mkdir -p build
	git archive --format=tar.gz --prefix=guestwire-$(VERSION)/ -o build/guestwire-$(VERSION).tar.gz HEAD
clean:
	rm -rf build

.SECONDARY:
-include $(shell find $(O) -name '*.d' 2>/dev/null)
