// Proves: status texts and timeouts survive the wire in both directions, and go wrong as grpc-go's do.
import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { forSeeds } from '../../base/seeds.js';
import { decodeStatusText, encodeStatusText, encodeTimeout, parseTimeout, quote } from './status.js';

test('any text comes back, and only printable ASCII is on the wire', () => {
  equal(encodeStatusText('etcdserver: key not found'), 'etcdserver: key not found');
  equal(encodeStatusText('50% é\n'), '50%25 %C3%A9%0A');
  forSeeds(200, (random) => {
    const message = Array.from({ length: random.below(20) }, () =>
      random.pick(['a', '%', '%4', '鍵', '\0', '😀', ' ']),
    );
    const encoded = encodeStatusText(message.join(''));
    equal(/^[ -~]*$/.test(encoded), true);
    equal(decodeStatusText(encoded), message.join(''));
  });
  equal(decodeStatusText('not%zzhex%4'), 'not%zzhex%4');
});

test('timeouts in every unit, and the malformed ones', () => {
  equal(parseTimeout('2H'), 7_200_000);
  equal(parseTimeout('3M'), 180_000);
  equal(parseTimeout('4S'), 4_000);
  equal(parseTimeout('5m'), 5);
  equal(parseTimeout('1500u'), 1.5);
  equal(parseTimeout('1000000n'), 1);
  equal(parseTimeout('S'), 'transport: timeout string is too short: "S"');
  equal(parseTimeout('123456789S'), 'transport: timeout string is too long: "123456789S"');
  equal(parseTimeout('12x'), 'transport: timeout unit is not recognized: "12x"');
  equal(parseTimeout('-1S'), 'strconv.ParseUint: parsing "-1": invalid syntax');
});

test('a timeout never becomes shorter on the wire', () => {
  forSeeds(300, (random) => {
    const timeoutMs = random.uint32() / 2 ** random.below(32);
    const sent = parseTimeout(encodeTimeout(timeoutMs));
    equal(typeof sent === 'number' && sent >= timeoutMs - 1e-6 && sent <= timeoutMs + 1_000, true);
  });
});

test("quoting as Go's %q", () => {
  equal(quote('a"b\\c\n\x01\xff'), '"a\\"b\\\\c\\n\\x01\\xff"');
});
