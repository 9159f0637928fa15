import { expect, test } from 'vitest';
import { duration, plain, scaled, significant, when } from './format.js';

test.each([
  [0, '0'], [999, '999'], [11_689_512, '11.7 M'], [138_357_544, '138 M'], [1_814_073_344, '1.81 G'], [999_600, '1.00 M'], [999_400, '999 k'], [435.5, '436'],
])('%d is shown as %s', (value, wanted) => expect(plain(scaled(value))).toBe(wanted));

test('bytes carry their unit behind the prefix', () => expect(plain(scaled(46_796_448, 'B'))).toBe('46.8 MB'));

test.each([[0.8423, '0.842'], [9.996, '10.0'], [12.34, '12.3'], [1234.5, '1,235'], [0.000_123_4, '0.000123']])(
  '%d keeps three digits as %s',
  (value, wanted) => expect(significant(value)).toBe(wanted),
);

test.each([[0.05, '50.0 µs'], [0.5, '0.500 ms'], [12.34, '12.3 ms'], [12_340, '12.3 s']])('%d ms reads %s', (value, wanted) =>
  expect(plain(duration(value))).toBe(wanted),
);

test('a time is shown to the minute, in UTC', () => expect(when('2026-01-02T03:04:05.678Z')).toBe('2026-01-02 03:04 UTC'));
