-- Trails that were not moved for a day are forgotten.
begin;
select plan(3);

insert into gendurable.key_trails (sort, key, seq, xid, moved_at, next, floors, bound, pending)
    values ('slot', 'old', 1, pg_current_xact_id(), now() - interval '25 hours', '9', '{}', 1, '{}'),
    ('slot', 'new', 1, pg_current_xact_id(), now(), '9', '{}', 1, '{}'),
    ('tokens', 'old', 1, pg_current_xact_id(), now() - interval '25 hours', '9', '{}', 1, '{}');
select is(gendurable._sweep_key_trails('slot'), 1, 'those of concurrency keys');
select is((select string_agg(t.sort || ' ' || t.key, ', ' order by t.sort, t.key) from gendurable.key_trails as t),
    'slot new, tokens old', 'and no others');
select is(gendurable._sweep_key_trails('tokens'), 1, 'those of rate limits');

select * from finish();
rollback;
