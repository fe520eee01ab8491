// The built service with a lever for what webhooks will do: SIGUSR2 stands for a catalogue change
// that this replica took, and the log says when it is announced.
import process from 'node:process';

import { createApp } from '../../dist/server/create-app.js';
import { CatalogVersion } from '../../dist/response-cache/catalog-version.js';

const app = await createApp();
process.on('SIGUSR2', () => {
  void app
    .get(CatalogVersion, { strict: false })
    .change()
    .then(() => process.stdout.write('The change is announced.\n'));
});
await app.listen(Number(process.env.PORT), '127.0.0.1');
