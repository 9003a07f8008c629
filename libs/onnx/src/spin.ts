/**
 * A session's `extra` options: a thread waits busily for 100 µs for the next operator's work. ONNX Runtime's own wait is so
 * long that further threads take their cores whole through all that one thread does alone; this one is as fast (tools/bench).
 */
export const SHORT_SPIN = { session: { intra_op: { spin_duration_us: '100' } } } as const;
