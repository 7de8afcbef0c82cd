-- The name of a key.
begin;
select plan(5);

select is(gendurable._policy('n'), 'n', 'a key without a colon is its name');
select is(gendurable._policy('n:p'), 'n', 'else what is before the colon');
select is(gendurable._policy('n:p:q'), 'n', 'the first one');
select is(gendurable._policy(':p'), '', 'which may be nothing');
select is(gendurable._policy(null), null, 'no key, no name');

select * from finish();
rollback;
