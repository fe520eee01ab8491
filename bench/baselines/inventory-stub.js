// API A and its token endpoint at minimal cost: the partner sandbox needs more CPU time for a response than the service.
import { Buffer } from 'node:buffer';
import { createServer } from 'node:http';
import process from 'node:process';

const { HOST: host, PORT: port } = process.env;
const TOKEN = JSON.stringify({ access_token: 'bench', token_type: 'Bearer', expires_in: 86_400 });
const PRODUCT = /^\/products\/([^/]+)\/availability$/;

function bodyOf(url) {
  const sku = PRODUCT.exec(url)?.[1];
  if (sku === undefined) return TOKEN;
  return JSON.stringify({
    sku: decodeURIComponent(sku),
    quantity: 7,
    asOf: new Date().toISOString(),
  });
}

createServer((request, response) => {
  // A token request has a body.
  request.resume();
  const body = bodyOf(request.url);
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}).listen(Number(port), host);
