-- What a router keeps: which database holds which of the 64 virtual partitions.
--
-- PL/Proxy knows the databases from the options p0 to p63 of the server `gendurable`: one for each
-- partition, equal for those of one database, to which it keeps one connection.

create extension if not exists plproxy;
create schema gendurable;
comment on schema gendurable is 'gendurable: what the router knows, and private functions.';

do $$
begin
    -- PL/Proxy wants all of them at once.
    execute 'create server gendurable foreign data wrapper plproxy options ('
            'connection_lifetime ''1800'', '
            || (select string_agg(format('p%s ''dbname=not_placed''', n), ', ' order by n)
                from generate_series(0, 63) as n) || ')';
end
$$;
create user mapping for current_user server gendurable;

create table gendurable.places (
    partition int primary key check (partition between 0 and 63),
    dsn       text not null,
    moving    boolean not null default false
);
comment on table gendurable.places is 'Which database holds a virtual partition.';
comment on column gendurable.places.moving is 'It is on its way to another one: no call about it.';
