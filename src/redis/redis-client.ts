import { Redis } from 'ioredis';

type SendCommand = Parameters<Redis['sendCommand']>;

/**
 * ioredis with one write for all commands of a turn of the event loop, and with a strict handshake: the client is ready
 * only after every command of the handshake has succeeded. ioredis alone goes on after a failed SELECT, in database 0,
 * and after some failures of AUTH and INFO, with a warning on stderr.
 */
export class RedisClient extends Redis {
  /** The first failure of the handshake in progress. */
  private failure: Error | undefined;

  override sendCommand(...[command, stream]: SendCommand): unknown {
    this.gatherWrites();
    if (this.status === 'connect') {
      if (command.name === 'info') this.settleHandshake(command);
      else this.deferFailure(command);
    }
    return super.sendCommand(command, stream);
  }

  /** Keeps a failure from ioredis until INFO, which is the last command of the handshake. */
  private deferFailure(command: SendCommand[0]): void {
    const { resolve } = command;
    command.reject = (error) => {
      this.failure ??= error;
      resolve('OK');
    };
  }

  /** Fails INFO after any failure of the handshake: ioredis then emits the error and connects again later. */
  private settleHandshake(command: SendCommand[0]): void {
    const { resolve, reject } = command;
    const settle = (failed?: Error, reply?: unknown): void => {
      const cause = this.failure ?? failed;
      this.failure = undefined;
      // In a message of its own: ioredis takes one with NOPERM for a success.
      if (cause === undefined) resolve(reply);
      else reject(new Error('The handshake failed', { cause }));
    };
    command.resolve = (reply: unknown) => {
      // ioredis would wait without an error while Redis loads its data. The next command fails with the reason.
      settle(undefined, String(reply).replace('loading:1', 'loading:0'));
    };
    command.reject = (error) => {
      // A standalone server needs nothing of what INFO replies.
      if (/^NOPERM |unknown command/i.test(error.message)) settle(undefined, '');
      else settle(error);
    };
  }

  /**
   * Has commands of one turn of the event loop leave in one write: each write costs more than the command. ioredis would
   * do it with a pipeline for each turn, whose accessor of its own keeps it, with all commands and values, until the next
   * full garbage collection.
   */
  private gatherWrites(): void {
    const stream = this.stream as typeof this.stream | undefined;
    if (stream?.writableCorked === 0) {
      stream.cork();
      setImmediate(() => {
        stream.uncork();
      });
    }
  }
}
