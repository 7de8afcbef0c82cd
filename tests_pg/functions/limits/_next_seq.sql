-- The numbers of the versions of a bucket only rise.
begin;
select plan(3);

select is(gendurable._next_seq(null, timestamptz 'epoch' + interval '2 s'), 2000000::bigint,
    'the first version has the clock''s');
select is(gendurable._next_seq(7, timestamptz 'epoch' + interval '2 s'), 2000000::bigint, 'a later one too');
select is(gendurable._next_seq(2000000, timestamptz 'epoch' + interval '2 s'), 2000001::bigint,
    'or the next one, however the clock is set');

select * from finish();
rollback;
