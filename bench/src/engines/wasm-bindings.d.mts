/** Binds the C functions that tfjs' wasm backend calls to a module that its factory made in another way than tfjs does. */
export function bound<M>(wasm: M): M;

/** The worker's code as it must be: a line break inside a string of the package's text is one escape short. */
export function workerCode(contents: string): string;
