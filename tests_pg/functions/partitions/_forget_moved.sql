begin;
select plan(1);
insert into gendurable.moved (move, partition, relation, content)
select 'a0000000-0000-0000-0000-000000000000', 1, 'signals', to_jsonb(n) from generate_series(1, 3) as n;
select gendurable._forget_moved(m.move, m.last) from gendurable._moved(1, 2) as m;
select is(array_agg(content::text)::text, '{3}', 'what was taken over is forgotten') from gendurable.moved;
select finish();
rollback;
