/** An async iterable for one reader that is fed by pushing. What is pushed before it is read waits. */
export interface EventStream<T> extends AsyncIterable<T> {
  push(item: T): void;
  end(): void;
}

export function createEventStream<T>(): EventStream<T> {
  let waiting: T[] = [];
  let ended = false;
  let wake = () => {};
  return {
    push(item) {
      waiting.push(item);
      wake();
    },
    end() {
      ended = true;
      wake();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const batch = waiting;
        waiting = [];
        yield* batch;
        if (waiting.length > 0) continue;
        if (ended) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
