/* guest.h: the guest's end of the agent's connection (wire.h): bears the container's processes, looks after them, answers the host.
 *
 * It knows nothing of the machine it is in: src/agent.c makes that ready, and ends it. So it runs as well in a namespace, with a socket pair in
 * place of the machine's.
 */
#ifndef CORE_AGENT_GUEST_H
#define CORE_AGENT_GUEST_H

#include "core/agent/spec.h"
#include "net/survey.h"

struct agent_guest_config {
	int control;  /* connected to the host's AGENT_PORT_CONTROL; taken over */
	/* A connection to this port of the host: a stream socket, the caller's to close. */
	int (*connect)(void *data, uint32_t port, struct error *err);
	/* Makes the network as NET says; the loopback is up already. NULL: there is nothing else. */
	int (*network)(const struct survey *survey, struct error *err);
	void *data;
	struct agent_places places;
};

/* Greets, and serves until the host says END: 0; or it says nothing more, or cannot be understood. To be called by the first process of a pid
 * namespace: it reaps whoever is left to it, and hears all signals. */
int agent_guest_run(const struct agent_guest_config *config, struct error *err);

/* Tells the host why there will be no greeting, or nothing more after it. */
void agent_guest_give_up(int control, const struct error *why);

#endif
