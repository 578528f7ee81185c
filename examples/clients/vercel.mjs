// npm install ai @ai-sdk/openai-compatible && node vercel.mjs
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { streamText } from "ai";

const url = process.env.MERITORDER_URL ?? "http://127.0.0.1:8080";
const meritorder = createOpenAICompatible({
  name: "meritorder",
  baseURL: `${url}/v1`,
  apiKey: process.env.MERITORDER_API_KEY ?? "unused",
  includeUsage: true,
  headers: { "X-Meritorder-Task": "trivia" },
});

const { textStream } = streamText({ model: meritorder("auto"), prompt: "Name three rivers." });
for await (const text of textStream) process.stdout.write(text);
process.stdout.write("\n");
