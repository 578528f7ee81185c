// node talk.mjs LIBRARY URL UPSTREAM: what a Node client understands of the replayed answers, as JSON.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, Output, streamText, tool } from "ai";
import OpenAI from "openai";

globalThis.AI_SDK_LOG_WARNINGS = false; // they would go to where the answer goes

const [library, url, upstream] = process.argv.slice(2);
const model = (plot) => `${upstream}/${plot}`;
const place = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const weather = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city", "days"],
  additionalProperties: false,
};

async function openaiChat() {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", maxRetries: 0 });
  const messages = [{ role: "user", content: "Hi" }];
  const tools = [{ type: "function", function: { name: "get_weather", parameters: weather } }];
  const whole = await client.chat.completions.create({ model: model("text"), messages });
  let streamed = "";
  let usage;
  const stream = await client.chat.completions.create({
    model: model("text"), messages, stream: true, stream_options: { include_usage: true },
  });
  for await (const chunk of stream) {
    streamed += chunk.choices[0]?.delta?.content ?? "";
    usage = chunk.usage ?? usage;
  }
  const called = await client.chat.completions.stream({ model: model("tool"), messages, tools }).finalChatCompletion();
  const call = called.choices[0].message.tool_calls[0].function;
  const format = { type: "json_schema", json_schema: { name: "place", strict: true, schema: place } };
  const parsed = await client.chat.completions.parse({ model: model("json"), messages, response_format: format });
  return {
    text: whole.choices[0].message.content,
    streamed,
    tokens: [usage.prompt_tokens, usage.completion_tokens],
    call: [call.name, JSON.parse(call.arguments)],
    object: parsed.choices[0].message.parsed ?? JSON.parse(parsed.choices[0].message.content),
    limited: await raised(() => client.chat.completions.create({ model: model("limit"), messages })),
    broken: await raised(async () => {
      const broken = await client.chat.completions.create({ model: model("broken"), messages, stream: true });
      for await (const _ of broken);
    }),
  };
}

async function openaiResponses() {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", maxRetries: 0 });
  const tools = [{ type: "function", name: "get_weather", parameters: weather, strict: true }];
  const whole = await client.responses.create({ model: model("text"), input: "Hi" });
  let streamed = "";
  const stream = client.responses.stream({ model: model("text"), input: "Hi" });
  for await (const event of stream) if (event.type === "response.output_text.delta") streamed += event.delta;
  const { usage } = await stream.finalResponse();
  const called = await client.responses.stream({ model: model("tool"), input: "Hi", tools }).finalResponse();
  const call = called.output.find((item) => item.type === "function_call");
  const format = { type: "json_schema", name: "place", strict: true, schema: place };
  const parsed = await client.responses.create({ model: model("json"), input: "Hi", text: { format } });
  return {
    text: whole.output_text,
    streamed,
    tokens: [usage.input_tokens, usage.output_tokens],
    call: [call.name, JSON.parse(call.arguments)],
    object: JSON.parse(parsed.output_text),
    limited: await raised(() => client.responses.create({ model: model("limit"), input: "Hi" })),
    broken: await raised(async () => {
      for await (const _ of client.responses.stream({ model: model("broken"), input: "Hi" }));
    }),
  };
}

const vercel = {
  "ai-compatible": () => createOpenAICompatible({
    name: "meritorder", baseURL: `${url}/v1`, apiKey: "k", includeUsage: true, supportsStructuredOutputs: true,
  }),
  "ai-chat": () => createOpenAI({ baseURL: `${url}/v1`, apiKey: "k" }).chat,
  "ai-responses": () => createOpenAI({ baseURL: `${url}/v1`, apiKey: "k" }).responses,
  "ai-anthropic": () => createAnthropic({ baseURL: `${url}/v1`, apiKey: "k" }),
};

async function ai() {
  const provider = vercel[library]();
  const ask = (plot, more = {}) => ({ model: provider(model(plot)), prompt: "Hi", maxRetries: 0, ...more });
  const tools = { get_weather: tool({ description: "Weather.", inputSchema: jsonSchema(weather) }) };
  const whole = await generateText(ask("text"));
  const stream = streamText(ask("text"));
  let streamed = "";
  for await (const piece of stream.textStream) streamed += piece;
  const usage = await stream.usage;
  const called = streamText(ask("tool", { tools }));
  await called.consumeStream();
  const [call] = await called.toolCalls;
  const thought = streamText(ask("think"));
  await thought.consumeStream();
  const native = { anthropic: { structuredOutputMode: "outputFormat" } };
  const parsed = await generateText(ask("json", { providerOptions: native, output: Output.object({ schema: jsonSchema(place) }) }));
  return {
    text: whole.text,
    streamed,
    tokens: [usage.inputTokens, usage.outputTokens],
    call: [call.toolName, call.input],
    thinking: await thought.reasoningText,
    object: parsed.output,
    limited: await raised(() => generateText(ask("limit"))),
    broken: await raised(async () => {
      for await (const part of streamText(ask("broken", { onError() {} })).fullStream) {
        if (part.type === "error") throw part.error;
        if (part.type === "finish") throw new Error(`finished: ${part.finishReason}`);
      }
    }),
  };
}

async function raised(work) {
  try {
    await work();
  } catch (error) {
    return [error.statusCode ?? error.status ?? null, String(error.message ?? JSON.stringify(error))];
  }
  return null;
}

const talk = { "openai-chat": openaiChat, "openai-responses": openaiResponses }[library] ?? ai;
process.stdout.write(JSON.stringify(await talk()));
