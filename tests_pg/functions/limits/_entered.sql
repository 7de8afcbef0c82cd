-- The run is noted where there is a key.
begin;
select plan(2);

select is(gendurable._entered('k', null, 7) + gendurable._entered(null, 'r', 7), 14::bigint,
    'of what has a concurrency key or a rate limit');
select is(gendurable._entered(null, null, 7), null, 'not of anything else');

select * from finish();
rollback;
