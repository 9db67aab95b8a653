// The model in the browser: onnxruntime-web on one thread, so that no special headers are needed.
import * as ort from "./ort.js";
import { fitted, pixelsOf } from "./image.js";

ort.env.wasm.numThreads = 1;
const here = (name) => new URL(name, import.meta.url).href;
ort.env.wasm.wasmPaths = { mjs: here("ort-wasm.js"), wasm: here("ort.wasm") };

export async function openModel() {
  const description = await (await fetch("model.json")).json();
  const session = await ort.InferenceSession.create("model.onnx", { executionProviders: ["wasm"] });
  return { description, session };
}

// [{name, probability}], the most likely class first, of a file or a video frame.
export async function classify({ description, session }, source) {
  const size = description.image_size;
  const images = new ort.Tensor("uint8", fitted(await pixelsOf(source), description), [1, 3, size, size]);
  const { probabilities } = await session.run({ images });
  const answers = description.classes.map((name, number) => ({ name, probability: probabilities.data[number] }));
  return answers.sort((one, other) => other.probability - one.probability);
}
