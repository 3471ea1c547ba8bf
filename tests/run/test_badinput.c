/* test_badinput.c: what is wrong is refused: one line that names the place, a failing status, and nothing
 * left behind. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/run/bundle.h"

/* A patch on the default config, and a word that the error must hold. */
static const char *const configs[][2] = {
    {"{'ociVersion':null}",						   "ociVersion"	},
    {"{'ociVersion':7}",						      "ociVersion"	     },
    {"{'ociVersion':'2.0.0'}",						"ociVersion"	   },
    {"{'ociVersion':'one'}",						  "ociVersion"	 },
    {"{'root':null}",							 "root"		    },
    {"{'root':{'path':''}}",						  "root.path"		},
    {"{'root':{'path':'/'}}",						 "root"		    },
    {"{'root':{'path':'missing'}}",					   "missing"	     },
    {"{'root':{'path':'config.json'}}",					"config.json"	     },
    {"{'root':{'readonly':'yes'}}",					   "root.readonly"	   },
    {"{'process':{'args':[]}}",					       "process.args"      },
    {"{'process':{'args':null}}",					     "process.args"	},
    {"{'process':{'args':'sh'}}",					     "process.args"	},
    {"{'process':{'args':['']}}",					     "process.args"	},
    {"{'process':{'cwd':null}}",					      "process.cwd"	      },
    {"{'process':{'cwd':'tmp'}}",					     "process.cwd"       },
    {"{'process':{'cwd':''}}",						"process.cwd"	    },
    {"{'process':{'env':['NOEQUALS']}}",					 "process.env"	      },
    {"{'process':{'env':['=x']}}",					    "process.env"	},
    {"{'process':{'env':'A=1'}}",					     "process.env"       },
    {"{'process':{'user':{'uid':-1}}}",					"uid"		     },
    {"{'process':{'user':{'uid':4294967295}}}",				"uid"		     },
    {"{'process':{'user':{'uid':4294967296}}}",				"uid"		     },
    {"{'process':{'user':{'gid':'0'}}}",					 "gid"		      },
    {"{'process':{'user':{'umask':512}}}",					   "umask"		  },
    {"{'process':{'user':{'additionalGids':[-3]}}}",			     "additionalGids"    },
    {"{'process':{'rlimits':[{'type':'RLIMIT_NOTHING','soft':1,'hard':1}]}}", "RLIMIT_NOTHING"    },
    {"{'process':{'rlimits':[{'type':'RLIMIT_NOFILE','soft':2,'hard':1}]}}",  "rlimits[0]"	 },
    {"{'process':{'rlimits':[{'type':'RLIMIT_CORE','soft':1,'hard':1},{'type':'RLIMIT_CORE','soft':1,'hard':"
     "1}]}}",									"rlimits[1]"										      },
    {"{'process':{'oomScoreAdj':1001}}",								       "oomScoreAdj"},
    {"{'process':{'oomScoreAdj':1.5}}",								       "oomScoreAdj"										       },
    {"{'process':{'scheduler':{'policy':'SCHED_NEVER'}}}",								       "SCHED_NEVER"},
    {"{'process':{'ioPriority':{'class':'IOPRIO_CLASS_X','priority':1}}}",									   "IOPRIO_CLASS_X"									   },
    {"{'process':{'ioPriority':{'class':'IOPRIO_CLASS_BE','priority':99}}}",									     "ioPriority"},
    {"{'hostname':7}",								       "hostname"															     },
    {"{'hostname':'0123456789012345678901234567890123456789012345678901234567890123456789'}",									      "hostname"},
    {"{'mounts':[{'source':'x','type':'tmpfs'}]}",								       "mounts[0].destination"																					},
    {"{'mounts':[{'destination':'','type':'tmpfs'}]}",								       "mounts[0].destination"},
    {"{'mounts':'none'}",								       "mounts"																								     },
    {"{'mounts':[7]}",								       "mounts[0]"},
    {"{'mounts':[{'destination':'/mnt','type':'tmpfs','options':'ro'}]}",									  "options"																		  },
    {"{'+mounts':[{'destination':'/"
     "mnt','type':'tmpfs','source':'x','uidMappings':[{'containerID':0,'hostID':0,'size':1}]}]}",								       "Mappings"},
    {"{'hostname':null,'linux':{'namespaces':[{'type':'mount'},{'type':'mount'}]}}","namespaces[1]"								    },
    {"{'linux':{'namespaces':[{'type':'netwrk'}]}}",								  "netwrk"		     },
    {"{'linux':{'namespaces':[{'path':'/x'}]}}","namespaces[0].type"},
    {"{'linux':{'+namespaces':[{'type':'user','path':'relative'}]}}",						      "namespaces"										  },
    {"{'hostname':null,'linux':{'uidMappings':null,'gidMappings':null,'namespaces':[{'type':'pid'}]}}",	  "mount"},
    {"{'linux':{'uidMappings':[{'containerID':0,'hostID':1,'size':0}]}}",								  "uidMappings"																 },
    {"{'linux':{'devices':[{'path':'relative','type':'c','major':1,'minor':3}]}}","devices[0].path"},
    {"{'linux':{'devices':[{'path':'/dev/x','type':'z','major':1,'minor':3}]}}",							 "devices[0].type"																							},
    {"{'linux':{'devices':[{'path':'/dev/x','type':'c','minor':3}]}}","devices[0]"},
    {"{'linux':{'rootfsPropagation':'everywhere'}}",							    "rootfsPropagation"																														    },
    {"{'linux':{'maskedPaths':['relative']}}","maskedPaths[0]"},
    {"{'linux':{'readonlyPaths':['']}}",							       "readonlyPaths[0]"																																							  },
    {"{'linux':{'resources':{'memory':{'limit':'1G'}}}}","memory.limit"},
    {"{'linux':{'resources':{'memory':{'limit':99999999999999999999}}}}",									  "memory.limit"																																																      },
    {"{'linux':{'resources':{'devices':[{'allow':true,'type':'q','access':'r'}]}}}","devices[0].type"},
    {"{'linux':{'resources':{'devices':[{'allow':true,'access':'rx'}]}}}",								   "devices[0].access"																																																									       },
    {"{'linux':{'resources':{'cpu':{'period':-1}}}}","period"},
    {"{'linux':{'resources':{'hugepageLimits':[{'pageSize':'../x','limit':1}]}}}",									   "pageSize"																																																																				     },
    {"{'linux':{'personality':{'domain':'WINDOWS'}}}","WINDOWS"},
    {"{'linux':{'timeOffsets':{'monotonic':{'secs':1}}}}",									    "time"																																																																															      },
    {"{'linux':7}","linux"},
    {"{'annotations':{'':'x'}}",									   "annotations"																																																																																										   },
    {"{'annotations':{'a':7}}","annotations"},
    {"{'hooks':{'prestart':{}}}",									   "hooks.prestart"																																																																																																					      },
    {"{'hooks':{'poststop':[{'args':['x']}]}}","hooks.poststop[0].path"},
};

RUN_TEST(wrong_configs, "each of many wrong configs is refused with its place, and nothing is left")
{
	struct bundle b;
	bundle_make(&b);
	char *good = b.config, *list = format("%s", "");
	for (size_t i = 0; i < sizeof(configs) / sizeof(*configs); i++) {
		bundle_config_text(&b, good);
		bundle_config(&b, "%s", configs[i][0]);
		struct result r = nacre("create", "--bundle", b.dir, b.id, NULL);
		const char *end = strchr(r.err, '\n');
		if (r.status <= 0 || r.status >= 128)
			list = format("%s%s: status %d\n", list, configs[i][0], r.status);
		else if (!end || end[1])
			list = format("%s%s: not one line: %s\n", list, configs[i][0], r.err);
		else if (!strstr(r.err, configs[i][1]))
			list =
			    format("%s%s: \"%s\" missing in: %s", list, configs[i][0], configs[i][1], r.err);
		if (r.status == 0)
			nacre("delete", "--force", b.id, NULL);
	}
	MUST_SAY(!*list, "%s", list);
	must_leave_nothing(&b);
}

RUN_TEST(no_json, "what is no JSON is refused with one line")
{
	static const char *const texts[] = {"",
					    "{",
					    "[]",
					    "7",
					    "null",
					    "\"text\"",
					    "{}",
					    "{\"ociVersion\":\"1.0.0\",}",
					    "\xff\xfe",
					    "{\"ociVersion\":\"1.0.0\"} x",
					    "{\"ociVersion\":\"1.0.0\",\"process\":{\"args\":[\"a\\u0000b\"],"
					    "\"cwd\":\"/\"},\"root\":{\"path\":\"rootfs\"}}"};
	struct bundle b;
	bundle_make(&b);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		bundle_config_text(&b, texts[i]);
		struct result r = nacre("create", "--bundle", b.dir, b.id, NULL);
		MUST_SAY(r.status > 0 && r.status < 128, "taken: %s", texts[i]);
		must_fail(&r, NULL);
	}
	char *deep = malloc(200001);
	memset(deep, '[', 200000);
	deep[200000] = '\0';
	bundle_config_text(&b, format("{\"ociVersion\":\"1.0.0\",\"mounts\":%s", deep));
	struct result r = nacre("create", "--bundle", b.dir, b.id, NULL);
	must_fail(&r, NULL);
	must_leave_nothing(&b);
}

RUN_TEST(unknown_properties, "unknown properties are passed over")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'future':{'a':[1,2,{'b':null}]},'process':{'future':7},'linux':{'future':'x','"
			  "resources':{'future':[]}}}");
	struct result r = bundle_run(&b);
	must_succeed(&r);
}

RUN_TEST(large_numbers, "numbers at the edge of 64 bits are taken")
{
	need_root();
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'rlimits':[{'type':'RLIMIT_CPU','soft':18446744073709551615,'hard':"
			  "18446744073709551615}]}}");
	struct result r = bundle_run_inside(&b, "rlimits", NULL);
	must_succeed(&r);
	must_print(&r, "rlimit CPU -1 -1");
}

RUN_TEST(bundles, "a bundle that is none")
{
	struct bundle b;
	bundle_make(&b);
	struct result r = nacre("create", "--bundle", "/no/such/bundle", b.id, NULL);
	must_fail(&r, "/no/such/bundle");
	char *empty = format("%s/empty", test_dir());
	make_folder(empty);
	r = nacre("create", "--bundle", empty, b.id, NULL);
	must_fail(&r, "config.json");
	make_folder(format("%s/config.json", empty));
	r = nacre("create", "--bundle", empty, b.id, NULL);
	must_fail(&r, "config.json");
	must_leave_nothing(&b);
}

RUN_TEST(ids, "ids that are none")
{
	static const char *const commands[] = {"create", "start", "state", "kill", "delete", "run"};
	char *longest = malloc(301);
	memset(longest, 'a', 300);
	longest[300] = '\0';
	const char *const bad[] = {"",	   ".",	  "..",	      "../x", "a/b", "/", "/etc",
				   "a\nb", "a b", "\xc3\xa4", "a%d",  "a:b", "*", longest};
	struct bundle b;
	bundle_make(&b);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		for (size_t k = 0; k < 6; k++) {
			struct result r =
			    nacre_with(&(struct spawn){.directory = b.dir}, commands[k], bad[i], NULL);
			MUST_SAY(r.status > 0 && r.status < 128, "%s \"%s\": status %d", commands[k], bad[i],
				 r.status);
			const char *end = strchr(r.err, '\n');
			MUST_SAY(end && !end[1], "%s \"%s\": not one line: %s", commands[k], bad[i], r.err);
		}
	MUST(!exists(format("%s/x", test_dir())));
}

RUN_TEST(options, "options and commands that are none")
{
	struct bundle b;
	bundle_make(&b);
	const char *const bad[][5] = {
	    {"run",			     "--no-such-option", b.id,				      NULL},
	    {"run",				 "--bundle"					      },
	    {"run",			     "--preserve-fds",   "x",					   b.id},
	    {"run",				 "--preserve-fds",					       "-1",				    b.id},
	    {"run",			     "--preserve-fds",					       "99999999999",				     b.id},
	    {"run",		    "--bundle=",b.id					     },
	    {"run"  },
	    {"run",			       b.id,			      "another"},
	    {"start"				},
	    {"start",			     b.id,					     "another"		     },
	    {"state"				},
	    {"kill"				},
	    {"delete"			    },
	    {"exec"			  },
	    {"exec",				 b.id					    },
	    {"list",			   "--format","yaml"					     },
	    {"spec",			   "--rootless=perhaps"		 },
	    {"no-such-command"			      },
	    {"--no-such-global",				 "list"		       },
	    {"--log-format", "xml","list"							  },
	    {"--cgroup-manager",				  "none",										"list"},
	    {"--log",				  "/no/such/folder/log",			     "list"		   },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct result r = nacre(bad[i][0], bad[i][1], bad[i][2], bad[i][3], NULL);
		MUST_SAY(r.status > 0 && (r.status < 128 || r.status == 255), "%s %s: status %d", bad[i][0],
			 bad[i][1] ? bad[i][1] : "", r.status);
		const char *end = strchr(r.err, '\n');
		MUST_SAY(end && !end[1], "%s %s: not one line: %s", bad[i][0], bad[i][1] ? bad[i][1] : "",
			 r.err);
	}
	must_leave_nothing(&b);
}

RUN_TEST(log_line, "a failure is also the last line of the log, as JSON if asked for")
{
	char *log = format("%s/log", test_dir());
	struct result r = nacre("--log", log, "--log-format", "json", "state", "nobody-here", NULL);
	must_fail(&r, "nobody-here");
	char *text = file_text(log);
	char *last = strrchr(text, '\n');
	MUST_SAY(last && last[1] == '\0', "%s", text);
	*last = '\0';
	last = strrchr(text, '\n') ? strrchr(text, '\n') + 1 : text;
	MUST_SAY(!strcmp(json_value(last, "level"), "error") &&
		     strstr(json_value(last, "msg"), "nobody-here") && *json_value(last, "time"),
		 "%s", last);
	r = nacre("--log", log, "--log-format", "text", "state", "nobody-here", NULL);
	must_fail(&r, "nobody-here");
	MUST_SAY(strstr(file_text(log), "level=error"), "%s", file_text(log));
}

RUN_TEST(log_link, "a log behind a symlink is where the caller wants it: what stands there stays, and a fifo or a folder does not hang")
{
	char *file = format("%s/file", test_dir()), *link = format("%s/link", test_dir()), *fifo = format("%s/fifo", test_dir());
	file_write(file, "first\n");
	MUST(!symlink(file, link) && !mkfifo(fifo, 0600));
	struct result r = nacre("--log", link, "state", "nobody-here", NULL);
	must_fail(&r, "nobody-here");
	MUST_SAY(!strncmp(file_text(file), "first\n", 6) && strstr(file_text(file), "nobody-here"), "%s", file_text(file));
	r = nacre("--log", test_dir(), "state", "nobody-here", NULL);
	must_fail(&r, test_dir());
	r = nacre("--log", fifo, "state", "nobody-here", NULL);
	must_fail(&r, fifo);
}

RUN_TEST(spec_once, "spec does not overwrite")
{
	struct bundle b;
	bundle_make(&b);
	char *before = file_text(format("%s/config.json", b.dir));
	struct result r = nacre_with(&(struct spawn){.directory = b.dir}, "spec", NULL);
	must_fail(&r, "config.json");
	MUST(!strcmp(before, file_text(format("%s/config.json", b.dir))));
}

RUN_TEST(answers, "version, help and features")
{
	struct result r = nacre("--version", NULL);
	must_succeed(&r);
	MUST_SAY(strstr(r.out, " version ") && strstr(r.out, "spec: 1."), "%s", r.out);
	r = nacre("--help", NULL);
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "create") && strstr(r.out, "--root"), "%s", r.out);
	r = nacre("features", NULL);
	must_succeed(&r);
	MUST_SAY(json_valid(r.out) && !strcmp(json_value(r.out, "linux.seccomp.enabled"), "true"), "%s",
		 r.out);
	MUST_SAY(strstr(json_value(r.out, "mountOptions"), "[") && strstr(r.out, "rro"), "%s", r.out);
}

RUN_TEST(isolation, "a wall that there is not is refused, and so is a kernel for a wall without one")
{
	struct bundle b;
	bundle_make(&b);
	struct result r = nacre("run", "--isolation", "paper", "--bundle", b.dir, b.id, NULL);
	must_fail(&r, "--isolation");
	r = nacre("run", "--isolation", "namespaces", "--vm-kernel", "/boot/vmlinuz", "--bundle", b.dir, b.id, NULL);
	must_fail(&r, "--vm-kernel");
	bundle_config(&b, "{'annotations':{'nacre.isolation':'glass'}}");
	r = nacre("run", "--bundle", b.dir, b.id, NULL);
	if (!in_vm())
		must_fail(&r, "nacre.isolation");
	/* Whoever calls is stronger than who wrote the config. */
	r = nacre("run", "--isolation", "namespaces", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	must_leave_nothing(&b);
}
