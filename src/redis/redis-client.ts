import { Redis } from 'ioredis';

type SendCommand = Parameters<Redis['sendCommand']>;

/**
 * ioredis with two changes. It sends all commands of one turn of the event loop in one write. It is ready only after
 * every command of the handshake has succeeded. (ioredis itself continues in database 0 after a failed SELECT, and only
 * warns on stderr about some failures of AUTH and INFO.)
 */
export class RedisClient extends Redis {
  /** The first failure of the handshake in progress. */
  private failure: Error | undefined;

  override sendCommand(...[command, stream]: SendCommand): unknown {
    this.batchWrites();
    if (this.status === 'connect') {
      if (command.name === 'info') this.settleHandshake(command);
      else this.deferFailure(command);
    }
    return super.sendCommand(command, stream);
  }

  /** Hides a failure from ioredis until INFO, the last command of the handshake. */
  private deferFailure(command: SendCommand[0]): void {
    const { resolve } = command;
    command.reject = (error) => {
      this.failure ??= error;
      resolve('OK');
    };
  }

  /** Makes INFO fail after any failure of the handshake. ioredis then emits the error, and connects again later. */
  private settleHandshake(command: SendCommand[0]): void {
    const { resolve, reject } = command;
    const settle = (failed?: Error, reply?: unknown): void => {
      const cause = this.failure ?? failed;
      this.failure = undefined;
      // With another message, because ioredis ignores an error of INFO that contains NOPERM.
      if (cause === undefined) resolve(reply);
      else reject(new Error('The handshake failed', { cause }));
    };
    command.resolve = (reply: unknown) => {
      // While Redis loads its data, ioredis would wait without an error. The next command fails with the reason.
      settle(undefined, String(reply).replace('loading:1', 'loading:0'));
    };
    command.reject = (error) => {
      // The service does not need the reply of INFO.
      if (/^NOPERM |unknown command/i.test(error.message)) settle(undefined, '');
      else settle(error);
    };
  }

  /**
   * Sends the commands of one turn of the event loop in one write, because a write costs more than a command. The
   * autopipelining of ioredis does the same, but keeps all commands and values until the next full garbage collection.
   */
  private batchWrites(): void {
    const stream = this.stream as typeof this.stream | undefined;
    if (stream?.writableCorked === 0) {
      stream.cork();
      setImmediate(() => {
        stream.uncork();
      });
    }
  }
}
