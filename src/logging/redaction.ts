/** What stands in front of a secret, wherever it comes from: an error of a library, a path, a stack. */
const SECRETS =
  /(\bwhsec_|\bv1a?,|\b(?:bearer|basic) +|\b(?:access_token|client_secret|password)\W{1,3})[\w+/=.~%-]+|(?<=:\/\/[^\s/:@"]*:)[^\s/@"]+(?=@)/gi;

/** A line with what looks like a secret, a signature or a password in a URL taken out. */
export function redact(line: string): string {
  return line.replace(SECRETS, '$1[redacted]');
}
