"""From a provider's statuses, codes and words to the one tree of failures.

The status goes before what the body calls the error, because many servers write one type into all of theirs. What a code or
the words tell more exactly goes before both: an empty purse under 429, a model that is gone or a dead key under 400.
"""

from __future__ import annotations

import re

from adapters.errors import ErrorKind

_BY_STATUS = {
    400: ErrorKind.INVALID_REQUEST,
    401: ErrorKind.AUTHENTICATION,
    402: ErrorKind.QUOTA,
    403: ErrorKind.PERMISSION,
    404: ErrorKind.NOT_FOUND,
    405: ErrorKind.NOT_FOUND,
    408: ErrorKind.TIMEOUT,
    409: ErrorKind.UPSTREAM,
    410: ErrorKind.NOT_FOUND,
    413: ErrorKind.TOO_LARGE,
    421: ErrorKind.UPSTREAM,
    422: ErrorKind.INVALID_REQUEST,
    424: ErrorKind.UPSTREAM,
    425: ErrorKind.OVERLOADED,
    429: ErrorKind.RATE_LIMIT,
    451: ErrorKind.CONTENT_FILTER,
    499: ErrorKind.TIMEOUT,
    500: ErrorKind.UPSTREAM,
    501: ErrorKind.INVALID_REQUEST,
    502: ErrorKind.UPSTREAM,
    503: ErrorKind.OVERLOADED,
    504: ErrorKind.TIMEOUT,
    524: ErrorKind.TIMEOUT,
    529: ErrorKind.OVERLOADED,
}

_PLAIN = frozenset((401, 402, 404, 408, 410, 413, 429))
"""Statuses that mean one thing: no word for the type of an error makes another of them."""

_EXACT = frozenset((ErrorKind.QUOTA, ErrorKind.CONTEXT_LENGTH, ErrorKind.CONTENT_FILTER))
"""Kinds that have no status of their own, so that their codes go before any."""

# Words of `code`, `type`, `status`, `reason` or `__type` fields, compared without case, "_", "-", " " or a suffix
# "error" / "exception".
_BY_CODE = {
    "insufficientquota": ErrorKind.QUOTA,
    "billinghardlimitreached": ErrorKind.QUOTA,
    "billingnotactive": ErrorKind.QUOTA,
    "billing": ErrorKind.QUOTA,
    "insufficientbalance": ErrorKind.QUOTA,
    "arrearage": ErrorKind.QUOTA,
    "servicequotaexceeded": ErrorKind.QUOTA,
    "paymentrequired": ErrorKind.QUOTA,
    "budgetexceeded": ErrorKind.QUOTA,
    "1113": ErrorKind.QUOTA,  # numbers of four digits are Zhipu's
    "contextlengthexceeded": ErrorKind.CONTEXT_LENGTH,
    "contextwindowexceeded": ErrorKind.CONTEXT_LENGTH,
    "exceedcontextsize": ErrorKind.CONTEXT_LENGTH,
    "stringabovemaxlength": ErrorKind.CONTEXT_LENGTH,
    "modelcontextwindowexceeded": ErrorKind.CONTEXT_LENGTH,
    "inputtoolong": ErrorKind.CONTEXT_LENGTH,
    "prompttoolong": ErrorKind.CONTEXT_LENGTH,
    "1261": ErrorKind.CONTEXT_LENGTH,
    "contentfilter": ErrorKind.CONTENT_FILTER,
    "contentpolicyviolation": ErrorKind.CONTENT_FILTER,
    "responsibleaipolicyviolation": ErrorKind.CONTENT_FILTER,
    "datainspectionfailed": ErrorKind.CONTENT_FILTER,
    "moderationblocked": ErrorKind.CONTENT_FILTER,
    "1301": ErrorKind.CONTENT_FILTER,
    "ratelimit": ErrorKind.RATE_LIMIT,
    "ratelimited": ErrorKind.RATE_LIMIT,
    "ratelimitexceeded": ErrorKind.RATE_LIMIT,
    "resourceexhausted": ErrorKind.RATE_LIMIT,
    "throttling": ErrorKind.RATE_LIMIT,
    "toomanyrequests": ErrorKind.RATE_LIMIT,
    "overloaded": ErrorKind.OVERLOADED,
    "engineoverloaded": ErrorKind.OVERLOADED,
    "serviceunavailable": ErrorKind.OVERLOADED,
    "unavailable": ErrorKind.OVERLOADED,
    "modelnotready": ErrorKind.OVERLOADED,
    "slowdown": ErrorKind.OVERLOADED,
    "timeout": ErrorKind.TIMEOUT,
    "modeltimeout": ErrorKind.TIMEOUT,
    "deadlineexceeded": ErrorKind.TIMEOUT,
    "invalidapikey": ErrorKind.AUTHENTICATION,
    "apikeyinvalid": ErrorKind.AUTHENTICATION,
    "apikeyexpired": ErrorKind.AUTHENTICATION,
    "accountdeactivated": ErrorKind.AUTHENTICATION,
    "authentication": ErrorKind.AUTHENTICATION,
    "unauthenticated": ErrorKind.AUTHENTICATION,
    "unauthorized": ErrorKind.AUTHENTICATION,
    "unrecognizedclient": ErrorKind.AUTHENTICATION,
    "expiredtoken": ErrorKind.AUTHENTICATION,
    "invalidsignature": ErrorKind.AUTHENTICATION,
    "permission": ErrorKind.PERMISSION,
    "permissiondenied": ErrorKind.PERMISSION,
    "accessdenied": ErrorKind.PERMISSION,
    "unsupportedcountryregionterritory": ErrorKind.PERMISSION,
    "modelnotfound": ErrorKind.NOT_FOUND,
    "notfound": ErrorKind.NOT_FOUND,
    "resourcenotfound": ErrorKind.NOT_FOUND,
    "deploymentnotfound": ErrorKind.NOT_FOUND,
    "modelnotexist": ErrorKind.NOT_FOUND,
    "modeldecommissioned": ErrorKind.NOT_FOUND,
    "1211": ErrorKind.NOT_FOUND,
    "requesttoolarge": ErrorKind.TOO_LARGE,
    "servererror": ErrorKind.UPSTREAM,
    "server": ErrorKind.UPSTREAM,
    "internal": ErrorKind.UPSTREAM,
    "internalserver": ErrorKind.UPSTREAM,
    "api": ErrorKind.UPSTREAM,
    "modelstream": ErrorKind.UPSTREAM,
    "invalidrequest": ErrorKind.INVALID_REQUEST,
    "invalidargument": ErrorKind.INVALID_REQUEST,
    "validation": ErrorKind.INVALID_REQUEST,
    "failedprecondition": ErrorKind.INVALID_REQUEST,
}


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


# What providers without a code for it write when the prompt doesn't fit, and when a filter refused.
_CONTEXT_LENGTH = _words(
    r"context[ _-]?(?:length|window|size)|maximum (?:context|prompt|input) length|prompt is too (?:long|large)"
    r"|(?:input|prompt|request)[^.]{0,40}(?:is too long|too many tokens)|too many (?:input )?tokens"
    r"|exceeds? (?:the |this model's )?(?:maximum|max)[^.]{0,40}tokens|reduce the length of the"
    r"|token count[^.]{0,60}exceeds|(?:input|prompt) tokens? (?:limit )?exceed"
    r"|exceed(?:s|ed)? (?:the )?(?:model(?:'s)? )?(?:input |prompt )?token limit"  # Moonshot
    r"|prompt exceeds? max(?:imum)? length|inputs?`? tokens \+ `?max_new_tokens"  # Zhipu; TGI
    r"|range of (?:the )?input length|(?:input|prompt) length (?:should|must|exceed)"  # Alibaba
    r"|longer than the model(?:'s)? (?:maximum|context)|(?:input|prompt) \(\d+ tokens\)"  # vLLM, SGLang
)
_CONTENT_FILTER = _words(
    r"content (?:management|moderation|filter|policy)|content[_-]filter|safety system|data_inspection_failed"
    r"|inappropriate content|flagged (?:by|for) "
)
_NO_MONEY = _words(
    r"insufficient (?:account )?(?:balance|credits?|funds|quota)|credit balance is too low|exceeded your current quota"
    r"|billing details|payment required|(?:out of|no|exhausted|depleted) (?:remaining )?credits"
    r"|budget has been exceeded|(?:spend(?:ing)?|usage|budget) limit (?:has been )?(?:reached|exceeded)"
    r"|account is in (?:arrears|overdue)"
)
_BAD_KEY = _words(
    r"(?:invalid|incorrect|missing|expired|revoked|unknown)[^.]{0,20} api[ _-]?key"
    r"|api[ _-]?key[^.]{0,20} (?:not valid|invalid|(?:is |has )?(?:been )?(?:expired|revoked|disabled|deleted|blocked|leaked))"
    r"|(?:account|organization|project)[^.]{0,30} (?:is|has been|was) (?:deactivated|disabled|suspended|deleted|banned)"
)
_REGION = _words(
    r"(?:location|country|region|territory)[^.]{0,40} (?:is |are )?(?:not|un)[ -]?(?:supported|available|allowed)"
    r"|not (?:supported|available|offered) in (?:your|this) (?:country|region|location)"
)
_GONE = _words(
    r"\bmodel\b[^.]{0,80} (?:(?:does not|doesn't|not) exist|(?:was |is )?not found|could not be found|is not available"
    r"|is no longer |(?:has been|was|is|been) (?:deprecated|decommissioned|retired|removed|discontinued|shut ?down))"
    r"|unable to access model|(?:invalid|unknown|unrecognized|nonexistent) model(?: name| id| identifier)?(?=[:,.`'\" ]|$)"
    r"(?! param| output| input| resp)|no such model|not a valid model|model identifier is invalid|not a supported model"
    r"|no (?:available |allowed )?(?:endpoints?|providers?|deployments?|channels?) (?:are )?(?:found|available) for"
)
_CANT = _words(
    r"no endpoints? (?:found )?that (?:can )?(?:support|handle)|(?:input|tools?|images?|audio|parameter|field|feature)\b"
    r"[^.]{0,40} (?:is|are) not supported|does(?: not|n't) support|tools? param requires|unsupported (?:parameter|content|value)"
)
"""Of one feature of the request, so that the arm is there for others."""

_TOO_MUCH_AT_ONCE = _words(r"request too large")
"""One request is more than a minute's tokens: it never fits, so that waiting is of no use."""

# (statuses under which the words count, words, kind, whether what is quoted may be a client's own words)
_BY_WORDS = tuple(
    (frozenset(statuses), pattern, kind, quotes)
    for statuses, pattern, kind, quotes in (
        ((413, 429), _TOO_MUCH_AT_ONCE, ErrorKind.TOO_LARGE, True),
        ((None, 400, 403, 413, 422, 429), _NO_MONEY, ErrorKind.QUOTA, False),
        ((None, 400, 403, 413, 422), _CONTEXT_LENGTH, ErrorKind.CONTEXT_LENGTH, True),
        ((None, 400, 403, 413, 422), _CONTENT_FILTER, ErrorKind.CONTENT_FILTER, True),
        ((None, 400, 403, 413, 422), _BAD_KEY, ErrorKind.AUTHENTICATION, False),
        ((None, 400, 403, 404, 422), _REGION, ErrorKind.PERMISSION, False),
        ((404, 500), _CANT, ErrorKind.INVALID_REQUEST, True),
        ((None, 400, 422), _GONE, ErrorKind.NOT_FOUND, False),
    )
)
_QUOTED = re.compile(r"\"[^\"]*\"|'[^'\s]*'|`[^`]*`|(?<=[ (:])'[^']*'")


def classify(status: int | None, message: str, *codes: object) -> ErrorKind:
    """Returns the kind of a failure. `codes` are the provider's own, of which those count that are strings; `status` is None
    in a stream, where there is none.
    """
    kinds = [_BY_CODE.get(_code_word(code)) for code in codes if isinstance(code, str)]
    exact = next((kind for kind in kinds if kind not in (None, ErrorKind.INVALID_REQUEST)), None)
    if exact in _EXACT:
        return exact
    # A client's words, which some repeat, must not make an arm rest.
    unquoted = _QUOTED.sub("''", message)
    for statuses, pattern, kind, quotes in _BY_WORDS:
        if status in statuses and pattern.search(message if quotes else unquoted):
            return kind
    if exact is not None and status not in _PLAIN and (exact is not ErrorKind.UPSTREAM or status is None):
        return exact
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status is not None and 400 <= status < 500:
        return ErrorKind.INVALID_REQUEST
    if ErrorKind.INVALID_REQUEST in kinds:
        return ErrorKind.INVALID_REQUEST
    return ErrorKind.UPSTREAM


def _code_word(code: str) -> str:
    word = code.rsplit("#", 1)[-1].split(":", 1)[0].lower()
    for sign in "_- .":
        word = word.replace(sign, "")
    for ending in ("exception", "error"):
        if word != ending:
            word = word.removesuffix(ending)
    return word
