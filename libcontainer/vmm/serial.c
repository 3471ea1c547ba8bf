/* serial.c: see serial.h. Registers as in the data sheet of the 16550 (PC16550D). */
#include "vmm/serial.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "vmm/irq.h"

enum { DATA, INTERRUPTS, IDENTIFY, LINE, MODEM, LINE_STATUS, MODEM_STATUS, SCRATCH };
enum {
	INTERRUPT_EMPTY = 0x02,	      /* of the interrupt enable register: the transmitter is empty */
	IDENTIFY_NONE = 0x01, IDENTIFY_EMPTY = 0x02, IDENTIFY_QUEUES = 0xc0,
	QUEUES_ENABLE = 0x01,
	LINE_DIVISOR = 0x80,	      /* the first two registers are the divisor */
	MODEM_LOOP = 0x10,
	STATUS_EMPTY = 0x60,	      /* the transmitter can always take more */
	MODEM_READY = 0xb0,
};

void serial_init(struct serial *s, int out, int irq)
{
	*s = (struct serial){.out = out, .irq = irq};
	pthread_mutex_init(&s->lock, NULL);
}

/* The kernel's own words for its end, before it resets the machine: the only sign where it has no driver for pvpanic. */
static void look_for_panic(struct serial *s)
{
	static const char sign[] = "Kernel panic - not syncing: ";
	const char *found = memmem(s->text, s->n, sign, sizeof(sign) - 1);
	size_t len;

	if (!found || *s->panic)
		return;
	found += sizeof(sign) - 1;
	len = (size_t)(s->text + s->n - found);
	while (len && (found[len - 1] == '\n' || found[len - 1] == '\r'))
		len--;
	snprintf(s->panic, sizeof(s->panic), "%.*s", (int)len, found);
	error_tame(s->panic);
}

void serial_flush(struct serial *s)
{
	look_for_panic(s);
	/* One write: where nobody takes it, or a signal says that the machine ends, the rest is lost, not waited for. */
	if (s->n && s->out >= 0 && s->written < SERIAL_MOST) {
		ssize_t n = write(s->out, s->text, s->n);

		s->written += s->n;
		if (n >= 0 && s->written >= SERIAL_MOST)
			n = write(s->out, "\n[the serial port has said enough]\n", 35);
	}
	s->n = 0;
}

static void put(struct serial *s, char c)
{
	s->text[s->n++] = c;
	if (c == '\n' || s->n == sizeof(s->text))
		serial_flush(s);
}

/* An edge for each time the transmitter becomes empty, which is at once. */
static void tell_empty(struct serial *s)
{
	s->empty_told = s->interrupts & INTERRUPT_EMPTY;
	if (s->empty_told && s->irq >= 0)
		irq_raise(s->irq);
}

static uint8_t modem_status(const struct serial *s)
{
	uint8_t m = s->modem;

	if (!(m & MODEM_LOOP))
		return MODEM_READY;
	/* Its own outputs come back: RTS as CTS, DTR as DSR, OUT1 as RI, OUT2 as DCD. */
	return (uint8_t)((m & 2) << 3 | (m & 1) << 5 | (m & 4) << 4 | (m & 8) << 4);
}

static uint8_t read_register(struct serial *s, uint32_t at)
{
	uint8_t v;

	switch (at) {
	case DATA:
		return s->line & LINE_DIVISOR ? s->divisor[0] : 0;
	case INTERRUPTS:
		return s->line & LINE_DIVISOR ? s->divisor[1] : s->interrupts;
	case IDENTIFY:
		v = s->empty_told ? IDENTIFY_EMPTY : IDENTIFY_NONE;
		s->empty_told = false; /* reading takes it back */
		return s->queues ? v | IDENTIFY_QUEUES : v;
	case LINE:
		return s->line;
	case MODEM:
		return s->modem;
	case LINE_STATUS:
		return STATUS_EMPTY;
	case MODEM_STATUS:
		return modem_status(s);
	default:
		return s->scratch;
	}
}

static void write_register(struct serial *s, uint32_t at, uint8_t v)
{
	switch (at) {
	case DATA:
		if (s->line & LINE_DIVISOR) {
			s->divisor[0] = v;
		} else {
			if (!(s->modem & MODEM_LOOP))
				put(s, (char)v);
			tell_empty(s);
		}
		break;
	case INTERRUPTS:
		if (s->line & LINE_DIVISOR) {
			s->divisor[1] = v;
		} else {
			s->interrupts = v & 0x0f;
			tell_empty(s);
		}
		break;
	case IDENTIFY: /* written, it controls the queues */
		s->queues = v & QUEUES_ENABLE;
		break;
	case LINE:
		s->line = v;
		break;
	case MODEM:
		s->modem = v & 0x1f;
		break;
	case SCRATCH:
		s->scratch = v;
		break;
	default: /* the states are only read */
		break;
	}
}

static void serial_read(void *data, uint32_t at, void *to, uint32_t len)
{
	struct serial *s = data;

	memset(to, 0xff, len);
	pthread_mutex_lock(&s->lock);
	*(uint8_t *)to = read_register(s, at);
	pthread_mutex_unlock(&s->lock);
}

static void serial_write(void *data, uint32_t at, const void *from, uint32_t len)
{
	struct serial *s = data;

	pthread_mutex_lock(&s->lock);
	write_register(s, at, *(const uint8_t *)from);
	pthread_mutex_unlock(&s->lock);
}

const struct bus_ops serial_ops = {.read = serial_read, .write = serial_write};
