-- How many bytes an element of a list takes.
begin;
select plan(3);

select is(gendurable._listed_size('name'), 132::bigint, 'its name and what frames it');
select is(gendurable._listed_size('name', to_jsonb(repeat('x', 1000))),
    132 + gendurable._json_size(to_jsonb(repeat('x', 1000))), 'and what it carries');
select cmp_ok(octet_length(jsonb_build_object('id', 9223372036854775807, 'name', 'name', 'omitted', true, 'sent_at',
    now())::text), '<', 132, 'no less than its text');

select * from finish();
rollback;
