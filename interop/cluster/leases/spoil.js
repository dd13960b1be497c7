/** `node spoil.js FOLDER REVISION`: takes one revision out of a stopped member's values, as no fault of the disk could unseen. */
import { openStoredValues } from '../../../dist/io/values/stored-values.js';

const [folder, revision] = process.argv.slice(2);
const values = openStoredValues(folder, {
  onFatal: (cause) => {
    throw cause;
  },
});
values.drop(Number(revision), 0, false);
values.commit(() => values.close());
