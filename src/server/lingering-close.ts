import type { Socket } from 'node:net';

/** Milliseconds in which bytes that still arrive are read and dropped. */
const LINGER_MS = 1000;

/**
 * Closes a connection after these last bytes. A socket that is destroyed with bytes unread resets the connection, and
 * the client can lose the response (RFC 9112, section 9.6).
 */
export function lingeringClose(socket: Socket, lastBytes = ''): void {
  socket.end(lastBytes, () => {
    socket.resume();
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  });
}
