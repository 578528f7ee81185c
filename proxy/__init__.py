"""The gateway: everything that touches a socket, and the composition of the other three rooms.

Every module in the order in which a request meets them: in by `ingress/`, out by `upstream/`, then `learning/`.

ingress/  The listening side: sockets, connections, requests, replies, who may come in
    accepting            New connections: all that wait, in one turn of the event loop
    connection           One client's connection, from its first byte to its last
    parser               Heads of requests, read as they come; what HTTP forbids is refused here
    framing              Where a request's body ends, by its length or its chunks, and its decompression
    buffers              How much memory the requests and held-back answers of one worker may take
    request              A client's request as handlers see it
    server               Dispatch by path, and errors in the client's dialect
    paths                The endpoint of a method and a path, in the forms that are common
    cross_origin         Web pages of origins that the operator allows
    admission            Who may come in: loopback only while no key is configured, else holders of a key
    shedding             What is refused at the door while there is more than can be served and recorded
    reply                Answers to clients, written straight to the transport
    errors               What the gateway itself says no to
    idle                 Closes connections whose clients send nothing, or stop in the middle of a request
    log_lines            Log lines that only the gateway can begin

governance/  Who asks, and what they may do
    principal            A key and its team under their lasting ids, and their scopes

endpoints/  One module per API; its tables say which path leads where, and which scope it needs
    endpoint_request     What every handler is given: who asks what of which gateway
    chat                 `POST /v1/chat/completions`, and `/v1/explain`: what would be chosen, and why
    messages             `POST /v1/messages` and `/v1/messages/count_tokens`: Anthropic's API
    responses            `POST /v1/responses`: OpenAI's Responses API, without stored responses
    gemini               `POST /v1beta/models/{model}:generateContent` and its siblings: Gemini's API
    completions          `POST /v1/completions`: OpenAI's text completions
    embeddings           `POST /v1/embeddings`: passed on to the arms that serve the model
    audio                `POST /v1/audio/transcriptions` and `/v1/audio/speech`
    models               `GET /v1/models`: routes and arms, as OpenAI and Anthropic list models
    generation           `GET /v1/generation?id=`: what became of one request
    labels               `POST /v1/labels`: queries that were judged before traffic, to start warm
    arms                 `GET /v1/arms`: what every arm does and what is known of it
    control              Arms and prices that come, change and go at run time
    health               `GET /healthz` (the process lives) and `GET /readyz` (it can serve and write)

endpoints/feedback/  `POST /v1/feedback`
    endpoint             One value or a list, about answers or whole sessions, acknowledged when committed
    attribution          Which answers a feedback is about, and with what weight it counts
    answers_under_way    Feedback that comes before the end of its answer waits for it, here or elsewhere

routing/  From a model name to the arms that may answer, with today's quote
    body                 A client's JSON body: parsed, its fields read one at a time with an error that names them
    prompt               What routing reads of a body: how long it is, what it holds, what it asks for
    request              What came in, what it asks of the router, and its canonical form when it is needed
    model_names          What agents call models: names with a window's size or a date
    router               From a model name to the arms that may answer, and what each would cost
    eligibility          Filters over a list of arms, one for each reason to leave an arm out
    require_parameters   What an arm can't express, for requests that demand every parameter
    cooldowns            Which arms cool down after a failure, and when one may be tried again
    refusals             What arms refused lately, so that such requests go elsewhere
    sessions             Which arm served a conversation last, and how much of it its provider has cached

arms/  What an arm is, which ones are in service, and how their calls are authorised
    arm                  What each arm is, where it is, what it costs today
    registry             Which arms are in service: those of the configuration, those that come and go
    prices               What an arm costs at a moment, by catalogue, configuration and API
    api_prices           Prices that were set through the API, as the journal has them
    added_arms           Which keys an arm that is added through the API may use
    credentials          Keys from variables, and what is made for a call: AWS signatures, Google's tokens

dispatch/  One call to its end: encode, call, fall back, relay, record
    services             What a call needs of the worker it runs in
    call                 Decide, call, fall back, relay, and write down what became of it
    tries                The arms that were asked for one request, and whether another may be
    trace                The trace that a client's request belongs to, carried on to the provider
    relay                The upstream's bytes on their way to the client
    bypass               Reads that go from one socket to the other unparsed (compiled)
    detours              Answers that are neither 200 nor an error: redirects, other successes
    bill                 What one answer costs: the client is told, and the record says the same
    answer_ids           The gateway's own id in a body where the upstream's repeats or is missing
    left_out             Tells the client which arms were left out of its request, and why

dispatch/wires/  How a call is written for an arm, and its answer for the client
    wire                 How a call is written for an arm, and its answer for the client: `chat` or `sound`
    chat                 Bytes pass where the arm speaks the client's dialect, else they are translated
    rewrite              A same-dialect body on its way up: model replaced, usage asked for
    translators          Taps that translate: upstream bytes, canonical events, client bytes
    sound                Answers of any content type: speech, transcripts
    passthrough          APIs that are no chats: arms that offer one speak it

upstream/  Pooled HTTP/1.1 connections to the providers: callbacks, no task and no copy per chunk
    pool                 The way to every upstream, and one timer for all time limits
    origin               The connections to one origin: idle ones, a limit on all, a fair queue
    endpoint             Where to connect, and the request head that goes there
    exchange             One request and its answer, as the relay sees it
    connection           One connection: its phases, its exchange, its sink
    request_writer       A request on its way into a socket, as fast as the server takes it
    answer_parser        What llhttp reports of the answers on one connection
    framing              Headers of an answer that say how its body is wrapped
    inflate              Decompresses an answer that was compressed although asked not to be
    limits               How many connections, how long, how large
    failures             What can go wrong between us and an upstream
    lacks                What this machine or process lacks to open a connection: no provider is to blame

upstream/dialing/  From an endpoint to an open connection
    dial                 The steps: resolve, connect, tunnel, shake hands
    resolver             Names to addresses, remembered for a while
    addresses            Addresses that no provider has: clouds' metadata services and the like
    race                 Connects to the first of several addresses that answers
    proxies              HTTP proxies as the environment names them
    tunnel               CONNECT: a way through an HTTP proxy to a TLS server
    tls                  TLS towards upstreams: verified, HTTP/1.1 by ALPN, sessions resumed

learning/  The journal and the fold over it: what was learnt, what happened
    journal              Group commit: what happened within a tenth of a second is one transaction
    learner              The fold: journal rows in, bandit and statistics out
    pace                 How much of the event loop's time learning may take from traffic
    timeline             The clock of learning: rows' own time stamps, as far as they can be believed
    statistics           What happened, by arm and task: counts, shares over time, cost and latency
    verdicts             How much each task's own verdicts on an arm still weigh
    windows              How often each of some things happened lately
    latencies            Quantiles of seconds from a histogram in which old observations fade
    peers                The other workers and gateways on the same store
    store_watch          Notices trouble with the store's file before a request fails for it

commands/  The command line
    main                 The commands and their options
    run                  What `meritorder serve` runs: one gateway process, or several under a parent
    serve                One gateway process from bind to drain
    workers              `--workers N`: processes that share the port and the store
    compiled             Whether what runs for every request is compiled
    arms                 `meritorder arms`: the arm statistics as a table
    models               `meritorder models`: the catalogue
    evaluate             `meritorder evaluate`: what another policy would have got on journalled traffic
    database             `meritorder backup` and `meritorder check-db`

market/  The simulated market: what `meritorder serve` starts without provider keys, and the demo's scene
    market               Providers on loopback ports, and the handle that changes their conditions
    provider             One provider: a loopback HTTP server that speaks the OpenAI chat format
    replies              Its answers
    catalogue            What was recorded: questions, what each model answered, how long calls took
    conditions           Price changes, collapses, outages
    __main__             The market as a process of its own

market/demo/  `meritorder demo`: a market that changes, and a gateway that has to notice
    command              The command and its options
    run                  One run: requests in flight, grades on their way, and the market's changes
    story                What happens, and when, by number of requests sent
    gateway              A gateway of the demo's own: a subprocess, spoken to through its API
    process              The handle of a market that runs in a process of its own
    traffic              Questions through the gateway, grades posted back late, or never
    tally                Running figures: over the latest requests, and since the start
    milestones           How many requests came between a change and its effect
    report               The learnt policy against simpler ones on the same questions
    results              The last page, for people and as JSON
    view                 A live view on the terminal, or plain lines where there is none

__main__                 `python -m proxy`: the same as the command `meritorder`
gateway                  The gateway of one worker: everything it holds, and its life from start to drain
config                   `meritorder.toml`, then the environment, then the command line, the later winning
secret_values            Where secrets come from: the file, a variable that it names, or another file
masking                  Keeps the gateway's own secrets out of errors and logs
phases                   Phases of a connection, and which may follow which
clock                    Epoch seconds that don't jump
tasks                    Background tasks with a name, held strongly, and cancelled together
threads                  Work that may hang, each piece in a thread of its own
"""
