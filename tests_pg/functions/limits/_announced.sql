-- Whether a pick has something to answer.
begin;
select plan(7);

create function pg_temp.announced(p_now timestamptz default now()) returns text language sql as $$
    select concat_ws(' ', case when a.tokens then 'tokens' end, case when a.slots then 'slots' end)
        from gendurable._announced(p_now) as a $$;
select is(pg_temp.announced(), '', 'no doorbell, no bucket');
insert into gendurable.doorbells (kind, key) values ('slot', 'a');
select is(pg_temp.announced(), 'slots', 'a doorbell for a slot');
update gendurable.doorbells set kind = 'concurrency_limit';
select is(pg_temp.announced(), 'slots', 'or for a name of concurrency keys');
insert into gendurable.buckets (key, tokens, refilled_at, due_at) values ('r:later', 0, now(), now() + interval '1 s'),
    ('r:never', 0, now(), 'infinity'), ('r:idle', 0, now(), null);
select is(pg_temp.announced(), 'slots', 'a bucket that is not due is nothing');
select is(pg_temp.announced(now() + interval '1 s'), 'tokens', 'until it is; slots are looked for afterwards');
insert into gendurable.doorbells (kind, key) values ('tokens', 'r');
select is(pg_temp.announced(), 'tokens', 'a doorbell for tokens');
update gendurable.doorbells set kind = 'rate_limit' where kind = 'tokens';
select is(pg_temp.announced(), 'tokens', 'or for a name of rate keys');

select * from finish();
rollback;
