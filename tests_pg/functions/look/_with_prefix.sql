-- Which instances have a correlation key that begins with a prefix.
begin;
\ir ../prelude.psql
select plan(6);

create function pg_temp.among(prefix text, most int default 10) returns text language sql as $$
    select coalesce((select string_agg(m.fsm, ' ' order by m.fsm)
                     from unnest(gendurable._with_prefix(prefix, most)) as i (id) join made as m on m.id = i.id), '-')
$$;
select pg_temp.put('a', '{"correlation_key": "order:1"}') \g /dev/null
select pg_temp.pick(), pg_temp.commit('a', 'done') \g /dev/null
select pg_temp.put('b', '{"correlation_key": "order:2"}'), pg_temp.put('c', '{"correlation_key": "orderly"}'),
       pg_temp.put('d', '{"correlation_key": "order%", "correlation_scope": []}'),
       pg_temp.put('e', '{"correlation_key": "ordet"}'), pg_temp.put('f') \g /dev/null
insert into gendurable.kept select * from gendurable.finished;
update gendurable.kept set id = id + 1000000, correlation_key = 'order:0';
insert into made select 'k', k.id from gendurable.kept as k;

select is(pg_temp.among('order:'), 'a b k', 'live, finished and kept ones');
select is(pg_temp.among('order%'), 'd', 'a prefix is no pattern; what does not occupy its key is found as well');
select is(pg_temp.among('order'), 'a b c d k', 'all that begin so');
select is(pg_temp.among('Order'), '-', 'none');
select is(pg_temp.among('order:', 3), 'a b k', 'as many as may be');
select is(gendurable._with_prefix('order:', 2), null, 'too many');

select * from finish();
rollback;
