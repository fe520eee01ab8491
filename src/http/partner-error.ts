/** A request to a partner without a usable response. The message is a clause for a log, without host name or secret. */
export class PartnerError extends Error {
  override readonly name: string = PartnerError.name;
}

/** A response whose body is larger than the request allows. */
export class ResponseTooLargeError extends PartnerError {
  override readonly name = ResponseTooLargeError.name;

  constructor(maxBytes: number) {
    super(`the response is larger than ${maxBytes} bytes`);
  }
}
