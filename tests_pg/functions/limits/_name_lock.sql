-- Which advisory lock a name has.
begin;
select plan(5);

select is(gendurable._name_lock('slot', 'n:1'), gendurable._name_lock('slot', 'n'), 'all keys of a name have one lock');
select is(gendurable._name_lock('slot', 'n:1'), gendurable._name_lock('concurrency_limit', 'n'),
    'and so has its concurrency limit');
select is(gendurable._name_lock('tokens', 'n:1'), gendurable._name_lock('rate_limit', 'n'),
    'a rate limit has that of its rate keys');
select isnt(gendurable._name_lock('slot', 'n'), gendurable._name_lock('tokens', 'n'),
    'concurrency keys and rate keys of one name have two');
select is((select count(distinct gendurable._name_lock(k, 'n' || n))::int from generate_series(1, 5000) as n cross
    join unnest('{slot,tokens}'::gendurable.doorbell_kind[]) as k), 128,
    'however many names there are, they are 64 of each');

select * from finish();
rollback;
