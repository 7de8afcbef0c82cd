-- The trail of a key: the newest row that counts.
begin;
select plan(3);

insert into gendurable.key_trails (sort, key, seq, xid, moved_at, next, floors, bound, pending)
    values ('slot', 'k', 1, pg_current_xact_id(), now(), '9', '{}', 1, '{}'),
    ('slot', 'k', 2, pg_current_xact_id(), now(), '9', '{}', 2, '{}'), ('slot', 'k', 3, '5', now(), '9', '{}', 3, '{}'),
    ('tokens', 'k', 7, pg_current_xact_id(), now(), '9', '{}', 7, '{}');
select is((select t.bound from gendurable._key_trail('slot', 'k') as t), 2::bigint,
    'the newest one, but not a copy from another database');
select is((select t.bound from gendurable._key_trail('tokens', 'k') as t), 7::bigint, 'a rate limit has its own');
select is_empty($$ select * from gendurable._key_trail('slot', 'l') $$, 'most keys have none');

select * from finish();
rollback;
