begin;
select plan(3);
select is(gendurable._partition('order:42'), get_byte(sha256('order:42'), 0) % 64,
    'the last six bits of the first byte of SHA-256');
select is(gendurable._partition(null), null, 'no key, no partition');
select is(count(distinct gendurable._partition('k' || n))::int, 64, 'keys are spread over all of them')
    from generate_series(1, 2000) as n;
select finish();
rollback;
