-- What may be signalled.
begin;
select plan(9);

select is(gendurable._signal_problem('k', null, 'n', null), null, 'by key');
select is(gendurable._signal_problem(null, 1, 'n', 'd'), null, 'by id');
select is(gendurable._signal_problem(null, null, 'n', null), 'target is required', 'a target is required');
select is(gendurable._signal_problem('k', null, null, null), 'name is required', 'a name is required');
select is(gendurable._signal_problem('k', null, '', null), 'name is required', 'an empty name is none');
select matches(gendurable._signal_problem(repeat('é', 501), null, 'n', null), '^target is longer than 1,000 bytes: é',
    'a key has at most 1,000 bytes');
select matches(gendurable._signal_problem('k', null, repeat('é', 501), null), '^name is longer than 1,000 bytes: é',
    'a name has at most 1,000 bytes');
select matches(gendurable._signal_problem('k', null, 'n', repeat('é', 501)), '^dedup_key is longer than 1,000 bytes: é',
    'a dedup_key has at most 1,000 bytes');
select is(gendurable._signal_problem(repeat('é', 500), null, repeat('é', 500), repeat('é', 500)), null,
    'all may have 1,000 bytes');

select * from finish();
rollback;
