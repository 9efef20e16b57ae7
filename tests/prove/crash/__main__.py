"""`sqlite|postgresql full|short`: crashes there and prints what was seen as one line of JSON, progress before it."""

import json
import logging
import sys

import structlog

from tests.prove.crash.campaign import crash_everywhere

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
logging.disable(logging.CRITICAL)
print(json.dumps(crash_everywhere(sys.argv[1], short=sys.argv[2] == "short")))
